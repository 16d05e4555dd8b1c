"""Invented names and addresses. Every e-mail address is under example.com, .net or .org (RFC 2606):
nobody's.
"""

from __future__ import annotations

from random import Random

from lakehouse.testing.simulator.dice import pick, whole
from lakehouse.testing.simulator.market import COUNTRIES

_GIVEN = """
    Ada Amara Amir Ana Anika Arjun Aya Bilal Carla Chidi Clara Daan Daiki Dalia David Elena Emeka Emma Farah
    Felix Grace Hana Haruto Ibrahim Ines Isla Jamal Jin Jonas Julia Kaito Karim Kofi Lars Layla Lea Liam
    Lucas Luis Mai Maria Marta Mateo Maya Mei Mina Mohamed Nadia Naoki Nia Noah Noor Oliver Omar Paula Priya
    Rafael Ravi Rosa Sami Sara Sena Sofia Tariq Thea Tomas Wanjiru Yara Yuna Yusuf Zara Zoe
""".split()  # noqa: SIM905
_FAMILY = """
    Abe Achieng Adeyemi Ahmed AlSabah Bakker Bauer Becker Brown Costa Cohen Dubois Eze Fischer Garcia Haddad
    Hansen Ito Jansen Johnson Kamau Kato Khan Kim Klein Kumar Lee Lopez Martin Mensah Meyer Moreau Muller
    Mwangi Nakamura Njoroge Novak Okafor Oliveira Otieno Park Patel Peters Petit Rao Reed Rossi Ruiz Santos
    Sato Schmidt Shah Silva Smith Tanaka Taylor Vargas Visser Wagner Walker Weber Wilson Yamada Young
""".split()  # noqa: SIM905
_SHOP = """
    Acorn Amber Anchor Atlas Aurora Birch Blue Bright Cedar Clover Cobalt Copper Coral Crown Daisy Delta
    Ember Falcon Fern Garnet Golden Harbor Indigo Iris Ivory Jade Juniper Lark Laurel Lotus Lunar Maple
    Marble Meridian Mint Nimbus Noble Nova Oak Olive Opal Orchid Pearl Pine Plum Prairie Quartz Raven River
    Rowan Saffron Sage Sierra Silver Solar Spruce Sterling Summit Terra Topaz Tulip Velvet Violet Willow
    Zephyr
""".split()  # noqa: SIM905
_FORMS = {
    "US": "Inc.",
    "GB": "Ltd",
    "DE": "GmbH",
    "FR": "SAS",
    "NL": "B.V.",
    "ES": "S.L.",
    "JP": "K.K.",
    "KR": "Co., Ltd.",
}
_DOMAINS = ("example.com", "example.net", "example.org")


def full_name(rng: Random) -> str:
    return f"{pick(rng, _GIVEN)} {pick(rng, _FAMILY)}"


def email(rng: Random, name: str) -> str:
    return f"{name.lower().replace(' ', '.')}{whole(rng, 1, 9999)}@{pick(rng, _DOMAINS)}"


def phone(rng: Random, country: str) -> str:
    return f"{COUNTRIES[country].dialling}{whole(rng, 10**8, 10**9 - 1)}"


def shop_name(rng: Random, trade: str) -> str:
    return f"{pick(rng, _SHOP)} {pick(rng, _SHOP)} {trade}"


def legal_name(display: str, country: str) -> str:
    return f"{display} {_FORMS.get(country, 'Ltd')}"
