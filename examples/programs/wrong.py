def median(numbers):
    return sorted(numbers)[len(numbers) // 2]  # wrong for an even number of them
