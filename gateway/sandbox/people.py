"""The fictional people the sandboxes know. Pure.

Numbers are from ranges reserved for fiction (ARCEP +33 1 99 00 and +33 6 39 98, Ofcom +44 7700 900, NANP
555-01xx); addresses are at the names RFC 2606 reserves.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Person:
    """One contact; members are named as HubSpot names the properties."""

    id: str
    firstname: str
    lastname: str
    email: str
    phone: str
    mobilephone: str
    company: str
    jobtitle: str
    address: str
    city: str
    zip: str
    state: str
    country: str
    date_of_birth: str
    lifecyclestage: str
    hs_lead_status: str
    hs_email_optout: str
    volunteer_notes: str
    """A property an account has defined itself: no data map can know it."""


PEOPLE = (
    Person(
        "101",
        "Camille",
        "Durand",
        "camille.durand@example.org",
        "+33199000001",
        "+33639980001",
        "Atelier Nord",
        "Directrice",
        "12 rue des Lilas",
        "Lille",
        "59000",
        "Hauts-de-France",
        "France",
        "1984-03-17",
        "customer",
        "CONNECTED",
        "false",
        "Prefers a call after 18:00, recovering from surgery",
    ),
    Person(
        "102",
        "Mehdi",
        "Benali",
        "mehdi.benali@example.net",
        "+33199000002",
        "+33639980002",
        "Sud Solidaire",
        "Coordinateur",
        "4 place du Port",
        "Marseille",
        "13002",
        "Provence",
        "France",
        "1991-11-02",
        "lead",
        "NEW",
        "false",
        "Union member since 2019",
    ),
    Person(
        "103",
        "Agathe",
        "Lefèvre",
        "agathe.lefevre@example.com",
        "+33199000003",
        "+33639980003",
        "Maison Verte",
        "Trésorière",
        "81 avenue Foch",
        "Nantes",
        "44000",
        "Pays de la Loire",
        "France",
        "1975-07-29",
        "customer",
        "IN_PROGRESS",
        "true",
        "Asked twice not to be phoned",
    ),
    Person(
        "104",
        "Oliver",
        "Bennett",
        "oliver.bennett@example.com",
        "+447700900104",
        "+447700900204",
        "Harbour Trust",
        "Campaign manager",
        "7 Quay Street",
        "Bristol",
        "BS1 4DJ",
        "England",
        "United Kingdom",
        "1988-01-23",
        "opportunity",
        "OPEN",
        "false",
        "Interested in the housing petition",
    ),
    Person(
        "105",
        "Grace",
        "Okafor",
        "grace.okafor@example.org",
        "+447700900105",
        "+447700900205",
        "Harbour Trust",
        "Volunteer lead",
        "19 Mill Lane",
        "Leeds",
        "LS2 7EW",
        "England",
        "United Kingdom",
        "1996-09-08",
        "subscriber",
        "NEW",
        "false",
        "Speaks Igbo and French",
    ),
    Person(
        "106",
        "Dana",
        "Whitfield",
        "dana.whitfield@example.net",
        "+12025550106",
        "+12025550146",
        "Civic Works",
        "Analyst",
        "1400 Oak Street NW",
        "Washington",
        "20009",
        "DC",
        "United States",
        "1979-05-14",
        "lead",
        "ATTEMPTED_TO_CONTACT",
        "false",
        "Met at the June town hall",
    ),
    Person(
        "107",
        "Luis",
        "Marin",
        "luis.marin@example.com",
        "+12125550107",
        "+12125550147",
        "Civic Works",
        "Organiser",
        "22 Elm Avenue",
        "New York",
        "10013",
        "NY",
        "United States",
        "1993-12-30",
        "customer",
        "CONNECTED",
        "false",
        "Donates monthly",
    ),
    Person(
        "108",
        "Inès",
        "Moreau",
        "ines.moreau@example.org",
        "+33199000008",
        "+33639980008",
        "Atelier Nord",
        "Stagiaire",
        "3 rue du Moulin",
        "Roubaix",
        "59100",
        "Hauts-de-France",
        "France",
        "2003-04-11",
        "subscriber",
        "NEW",
        "false",
        "Student, reachable by message only",
    ),
)

COMPANIES = {
    "Atelier Nord": "901",
    "Sud Solidaire": "902",
    "Maison Verte": "903",
    "Harbour Trust": "904",
    "Civic Works": "905",
}
"""Company name -> HubSpot company record id."""

OWNERS = (
    ("71", "Noémie", "Garnier", "noemie.garnier@example.com"),
    ("72", "Tom", "Hale", "tom.hale@example.com"),
)
"""Staff of the account: owner id, first name, last name, e-mail."""

COMPANY_NUMBER = "+33199009900"
"""The number the account sends from."""
