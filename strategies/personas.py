"""People who do not exist: names, addresses and numbers that look real, for identities and as canaries for
leaks of personal data. Made by Faker, imported when first used; knows nothing of servers.

Nobody can be harmed by one: mail goes to reserved domains, telephone numbers are those kept for fiction
(+1-202-555-01xx), social security numbers start with 000 and bank accounts with ZZ, which are never issued,
and card numbers fail their check digit.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from mcpfuzz.strategies.choices import Choices, strategy_of
from mcpfuzz.strategies.safety import safe

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

__all__ = ["Persona", "drawn", "persona", "personas"]

DOMAINS = ("example.com", "example.org", "example.net", "mail.test", "post.invalid")
MAX_SEED = 9_999
"""Seeds that are drawn; `persona` takes any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """One invented person."""

    seed: int
    """`persona(seed)` makes the same one again, with the same version of Faker."""
    name: str
    first_name: str
    last_name: str
    username: str
    """Lower case, ASCII."""
    email: str
    """At a reserved domain (RFC 2606)."""
    phone: str
    """+1-202-555-0100 to -0199."""
    street: str
    city: str
    postcode: str
    country: str
    """ISO 3166 alpha-2."""
    address: str
    """Street, city and postcode in one line."""
    date_of_birth: str
    """YYYY-MM-DD, an adult."""
    company: str
    job: str
    ssn: str
    """Looks like a social security number; none starts with 000."""
    iban: str
    """Looks like a bank account; ZZ is no country."""
    card: str
    """Looks like a card number; its check digit is wrong."""
    password: str


def persona(seed: int) -> Persona:
    """The person of this seed.

    Raises:
        ImportError: Faker is missing.
    """
    return _persona(int(seed))


def drawn(choices: Choices) -> Persona:
    """One of them; the person of seed 0 is the simplest."""
    return persona(choices.integer(0, MAX_SEED))


def personas() -> SearchStrategy[Persona]:
    """A Hypothesis strategy of people; shrinks towards `persona(0)`."""

    def personas(choices: Choices) -> Persona:
        return drawn(choices)

    return strategy_of(personas)


_LOCK = threading.Lock()


@lru_cache(maxsize=1)
def _faker() -> Any:
    from faker import Faker

    return Faker("en_US", use_weighting=False)


@lru_cache(maxsize=4_096)
def _persona(seed: int) -> Persona:
    with _LOCK:  # one Faker, seeded anew for each person: making one costs more than the person
        fake = _faker()
        fake.seed_instance(seed)
        first, last = fake.first_name(), fake.last_name()
        street, city, postcode = fake.street_address(), fake.city(), fake.postcode()
        born = _born(fake)
        company, job = fake.company(), fake.job()
        number, words = fake.random_number(digits=16, fix_len=True), fake.random_element
        domain = words(DOMAINS)
    digits = f"{number:016d}"
    username = f"{first}.{last}".lower().replace("'", "").replace(" ", "")
    username = username.replace(".", "_") + digits[-2:]
    return Persona(
        seed=seed,
        name=safe(f"{first} {last}"),
        first_name=safe(first),
        last_name=safe(last),
        username=username,
        email=f"{username}@{domain}",
        phone=f"+1-202-555-01{digits[3:5]}",
        street=safe(street),
        city=safe(city),
        postcode=postcode,
        country="US",
        address=safe(f"{street}, {city} {postcode}"),
        date_of_birth=born,
        company=safe(company),
        job=safe(job),
        ssn=f"000-{digits[5:7]}-{digits[7:11]}",
        iban=f"ZZ{digits[:2]}TEST{digits[2:14]}",
        card=_card(digits),
        password=f"{first[:3].title()}-{digits[8:14]}!",
    )


def _born(fake: Any) -> str:
    """A fixed span, so that a person does not grow older with the calendar."""
    return f"{fake.random_int(1940, 2004)}-{fake.random_int(1, 12):02d}-{fake.random_int(1, 28):02d}"


def _card(digits: str) -> str:
    """Sixteen digits whose Luhn sum is off by one."""
    body = "4000" + digits[:11]
    total = sum(_doubled(int(digit)) if index % 2 == 0 else int(digit) for index, digit in enumerate(body))
    return body + str((10 - total % 10 + 1) % 10)


def _doubled(digit: int) -> int:
    return digit * 2 - 9 if digit > 4 else digit * 2
