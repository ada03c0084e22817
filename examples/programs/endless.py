def median(numbers):
    while True:
        pass
