"""The catalogue of the API family: 26 small functions, of which a question needs a few, in the right order."""

CATALOGUE = '''
def _found(table, key, what):
    if key not in table:
        raise ValueError(f"no {what} {key!r}")
    return table[key]

def _signed_in(token):
    if token not in _TOKENS.values():
        raise ValueError("this token is not valid; get one with sign_in")

def sign_in(company: str, key: str) -> str:
    """A token for the functions that ask for one."""
    if _found(_KEYS, company, "company") != key:
        raise ValueError("the key does not fit the company")
    return _TOKENS[company]

def find_person(token: str, name: str) -> str:
    """The identifier of a person."""
    _signed_in(token)
    return _found(_IDS, name, "person")

def person_name(token: str, person: str) -> str:
    """The name of a person, by identifier."""
    _signed_in(token)
    return _found(_PEOPLE, person, "person identifier")["name"]

def team_of(token: str, person: str) -> list:
    """The identifiers of all people of the same team, the person included."""
    _signed_in(token)
    team = _found(_PEOPLE, person, "person identifier")["team"]
    return [key for key, record in _PEOPLE.items() if record["team"] == team]

def manager_of(token: str, person: str) -> str:
    """The identifier of the person who leads the team."""
    _signed_in(token)
    return _MANAGERS[_found(_PEOPLE, person, "person identifier")["team"]]

def salary_of(token: str, person: str) -> int:
    """The yearly salary before tax."""
    _signed_in(token)
    return _found(_PEOPLE, person, "person identifier")["salary"]

def city_of(token: str, person: str) -> str:
    """The city where a person lives."""
    _signed_in(token)
    return _found(_PEOPLE, person, "person identifier")["city"]

def meetings_of(token: str, person: str) -> list:
    """The identifiers of a person's meetings, in no particular order."""
    _signed_in(token)
    return list(_found(_PEOPLE, person, "person identifier")["meetings"])

def meeting_day(token: str, meeting: str) -> int:
    """The day of a meeting, counted from the first day of the year."""
    _signed_in(token)
    return _found(_MEETINGS, meeting, "meeting")["day"]

def meeting_city(token: str, meeting: str) -> str:
    """The city where a meeting is held."""
    _signed_in(token)
    return _found(_MEETINGS, meeting, "meeting")["city"]

def region_of(city: str) -> str:
    """The region that a city lies in."""
    return _found(_CITIES, city, "city")["region"]

def tax_rate(region: str) -> float:
    """The tax on a salary, in percent."""
    return _found(_REGIONS, region, "region")["tax"]

def sales_tax(region: str) -> float:
    """The tax on goods, in percent."""
    return _found(_REGIONS, region, "region")["sales_tax"]

def capital_of(region: str) -> str:
    """The capital city of a region."""
    return _found(_REGIONS, region, "region")["capital"]

def cities_in(region: str) -> list:
    """All cities of a region."""
    _found(_REGIONS, region, "region")
    return [city for city, record in _CITIES.items() if record["region"] == region]

def locate(city: str) -> list:
    """The place of a city as [x, y], in kilometres."""
    return list(_found(_CITIES, city, "city")["place"])

def distance(place: list, other: list) -> int:
    """The way between two places along the grid, in kilometres."""
    return abs(place[0] - other[0]) + abs(place[1] - other[1])

def temperature(place: list, day: int) -> int:
    """The temperature forecast for a place and a day, in degrees."""
    return (7 * place[0] + 13 * place[1] + 5 * day + _SEASON) % 41 - 8

def rain(place: list, day: int) -> bool:
    """Whether rain is forecast for a place and a day."""
    return (3 * place[0] + place[1] + 11 * day + _SEASON) % 3 == 0

def find_rooms(city: str) -> list:
    """The identifiers of the rooms that can be booked in a city."""
    _found(_CITIES, city, "city")
    return [room for room, record in _ROOMS.items() if record["city"] == city]

def room_price(room: str) -> int:
    """The price of a room for a night."""
    return _found(_ROOMS, room, "room")["price"]

def room_beds(room: str) -> int:
    """The number of beds in a room."""
    return _found(_ROOMS, room, "room")["beds"]

def parcels_to(token: str, person: str) -> list:
    """The identifiers of the parcels that are on their way to a person."""
    _signed_in(token)
    _found(_PEOPLE, person, "person identifier")
    return [key for key, record in _PARCELS.items() if record["person"] == person]

def track(parcel: str) -> str:
    """The city where a parcel is now."""
    return _found(_PARCELS, parcel, "parcel")["city"]

def parcel_weight(parcel: str) -> float:
    """The weight of a parcel in kilograms."""
    return _found(_PARCELS, parcel, "parcel")["weight"]

def postage(kilograms: float, kilometres: int) -> float:
    """What it costs to send a weight over a way."""
    return round(2 + 0.8 * kilograms + 0.05 * kilometres, 2)
'''
