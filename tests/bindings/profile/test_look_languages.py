"""Columns as people write them in many languages and formats, and what a look must make of each."""

import itertools
import subprocess
import sys
import tomllib
from dataclasses import replace
from typing import Any

import polars as pl
import pytest

from shoal.profile.columns import gather
from shoal.profile.look import look
from shoal.profile.rules import Verdict, classify
from shoal.profile.vocabulary import FOLDER, concepts_of

ID, QUASI, SENSITIVE, UNDECIDED = "identifier", "quasi_identifier", "sensitive", "undecided"
NAMES = ["Meier", "Huber", "Koch", "Wolf", "Schulz"]
CITIES = ["Ulm", "Bonn", "Kiel", "Jena", "Trier"]
CODES = ["1", "2", "3", "2", "1"]
NUMBERS = ["4711-8", "4712-3", "4713-9", "4714-2", "4715-6"]
FLAGS = ["1", "0", "1", "1", "0"]

HEADERS: list[tuple[str, list[str], str]] = [
    # German
    *(("Nachname", NAMES, ID), ("Vorname", NAMES, ID), ("Alter", CODES, QUASI), ("Geschlecht", CODES, QUASI)),
    *(("Straße", ["Hauptstr. 1", "Am Hang 7", "Weg 3"], ID), ("PLZ", CODES, QUASI), ("Wohnort", CITIES, QUASI)),
    *(("Geburtsdatum", CODES, QUASI), ("Staatsangehörigkeit", CODES, QUASI), ("Familienstand", CODES, QUASI)),
    *(("Beruf", CODES, QUASI), ("Diagnose", CODES, SENSITIVE), ("Einkommen", ["a", "b", "c"], SENSITIVE)),
    *(("Aktenzeichen", NUMBERS, ID), ("Patientennummer", NUMBERS, ID), ("Krankenversichertennummer", NUMBERS, ID)),
    *(("Groesse", CODES, QUASI), ("Aufnahmedatum", CODES, QUASI), ("Kontonummer", NUMBERS, ID)),
    # French, Spanish, Portuguese, Italian, Catalan, Romanian
    *(("nom", NAMES, ID), ("prénom", NAMES, ID), ("date_de_naissance", CODES, QUASI), ("code postal", CODES, QUASI)),
    *(("Sexe", CODES, QUASI), ("numéro de sécurité sociale", NUMBERS, ID), ("maladie", CODES, SENSITIVE)),
    *(("apellidos", NAMES, ID), ("fechaNacimiento", CODES, QUASI), ("municipio", CITIES, QUASI)),
    *(("DNI", NUMBERS, ID), ("historia clínica", NUMBERS, ID), ("sueldo", CODES, SENSITIVE), ("edad", CODES, QUASI)),
    *(("sobrenome", NAMES, ID), ("data de nascimento", CODES, QUASI), ("nº utente", NUMBERS, ID)),
    *(("estado civil", CODES, QUASI), ("doença", CODES, SENSITIVE), ("freguesia", CITIES, QUASI)),
    *(("cognome", NAMES, ID), ("codice fiscale", NUMBERS, ID), ("CAP", CODES, QUASI), ("età", CODES, QUASI)),
    *(("titolo di studio", CODES, QUASI), ("diagnosi", CODES, SENSITIVE), ("cartella clinica", NUMBERS, ID)),
    *(("cognoms", NAMES, ID), ("edat", CODES, QUASI), ("prenume", NAMES, ID), ("vârsta", CODES, QUASI)),
    *(("județ", CITIES, QUASI), ("salariu", CODES, SENSITIVE), ("număr de telefon", ["0722123456", "0722123457"], ID)),
    # Dutch, Swedish, Danish, Norwegian, Icelandic
    *(("achternaam", NAMES, ID), ("geboortedatum", CODES, QUASI), ("woonplaats", CITIES, QUASI), ("BSN", NUMBERS, ID)),
    *(("leeftijd", CODES, QUASI), ("geslacht", CODES, QUASI), ("aandoening", CODES, SENSITIVE)),
    *(("efternamn", NAMES, ID), ("födelseår", CODES, QUASI), ("kön", CODES, QUASI), ("personnummer", NUMBERS, ID)),
    *(("lön", CODES, SENSITIVE), ("postnr", CODES, QUASI), ("kommun", CITIES, QUASI), ("yrke", CODES, QUASI)),
    *(
        ("efternavn", NAMES, ID),
        ("fødselsdato", CODES, QUASI),
        ("CPR-nummer", NUMBERS, ID),
        ("sygdom", CODES, SENSITIVE),
    ),
    *(("etternavn", NAMES, ID), ("kjønn", CODES, QUASI), ("fylke", CITIES, QUASI), ("yrke", CODES, QUASI)),
    *(
        ("kennitala", NUMBERS, ID),
        ("aldur", CODES, QUASI),
        ("sjúkdómur", CODES, SENSITIVE),
        ("heimilisfang", CITIES, ID),
    ),
    # Finnish, Estonian, Latvian, Lithuanian, Hungarian
    *(("sukunimi", NAMES, ID), ("syntymäaika", CODES, QUASI), ("henkilötunnus", NUMBERS, ID), ("ikä", CODES, QUASI)),
    *(
        ("perekonnanimi", NAMES, ID),
        ("sünnikuupäev", CODES, QUASI),
        ("isikukood", NUMBERS, ID),
        ("palk", CODES, SENSITIVE),
    ),
    *(("uzvārds", NAMES, ID), ("dzimums", CODES, QUASI), ("personas kods", NUMBERS, ID), ("slimība", CODES, SENSITIVE)),
    *(("pavardė", NAMES, ID), ("lytis", CODES, QUASI), ("asmens kodas", NUMBERS, ID), ("miestas", CITIES, QUASI)),
    *(
        ("vezetéknév", NAMES, ID),
        ("születési idő", CODES, QUASI),
        ("irányítószám", CODES, QUASI),
        ("nem", CODES, QUASI),
    ),
    # Slavic languages, in Latin and Cyrillic letters
    *(("nazwisko", NAMES, ID), ("płeć", CODES, QUASI), ("data urodzenia", CODES, QUASI), ("PESEL", NUMBERS, ID)),
    *(("kod pocztowy", CODES, QUASI), ("rozpoznanie", CODES, SENSITIVE), ("wynagrodzenie", CODES, SENSITIVE)),
    *(("příjmení", NAMES, ID), ("rodné číslo", NUMBERS, ID), ("věk", CODES, QUASI), ("pohlaví", CODES, QUASI)),
    *(("priezvisko", NAMES, ID), ("dátum narodenia", CODES, QUASI), ("priimek", NAMES, ID), ("poklic", CODES, QUASI)),
    *(("prezime", NAMES, ID), ("datum rođenja", CODES, QUASI), ("OIB", NUMBERS, ID), ("županija", CITIES, QUASI)),
    *(("презиме", NAMES, ID), ("датум рођења", CODES, QUASI), ("пол", CODES, QUASI), ("дијагноза", CODES, SENSITIVE)),
    *(("Фамилия", NAMES, ID), ("Дата рождения", CODES, QUASI), ("СНИЛС", NUMBERS, ID), ("зарплата", CODES, SENSITIVE)),
    *(("прізвище", NAMES, ID), ("стать", CODES, QUASI), ("вік", CODES, QUASI), ("РНОКПП", NUMBERS, ID)),
    *(("фамилия", NAMES, ID), ("ЕГН", NUMBERS, ID), ("възраст", CODES, QUASI), ("возраст", CODES, QUASI)),
    # Greek, Turkish, Albanian, Maltese, Irish
    *(("επώνυμο", NAMES, ID), ("ΗΛΙΚΙΑ", CODES, QUASI), ("ΑΜΚΑ", NUMBERS, ID), ("διάγνωση", CODES, SENSITIVE)),
    *(("soyadı", NAMES, ID), ("doğum tarihi", CODES, QUASI), ("TC Kimlik No", NUMBERS, ID), ("maaş", CODES, SENSITIVE)),
    *(("mbiemri", NAMES, ID), ("mosha", CODES, QUASI), ("kunjom", NAMES, ID), ("sloinne", NAMES, ID)),
    # English, in the ways of machines
    *(("last_name", NAMES, ID), ("FIRSTNAME", NAMES, ID), ("DateOfBirth", CODES, QUASI), ("birthdate", CODES, QUASI)),
    *(("patient_nbr", NUMBERS, ID), ("encounter_id", NUMBERS, ID), ("Patient no.", NUMBERS, ID), ("MRN", NUMBERS, ID)),
    *(("case number", NUMBERS, ID), ("latitude", CODES, QUASI), ("lon", CODES, QUASI), ("geom", CODES, QUASI)),
    *(("native-country", CODES, QUASI), ("ZipCode", CODES, QUASI), ("WorkLifeBalance", CODES, UNDECIDED)),
]

VALUES: list[tuple[list[Any], str]] = [
    # Dates and times, as they are written
    *(
        (["03.01.58", "31.12.99"], QUASI),
        (["3-Jan-2020", "14-Feb-2019"], QUASI),
        (["Jan 3, 2020", "Feb 14, 2019"], QUASI),
    ),
    *(
        (["3. März 2020", "14. Mai 2019"], QUASI),
        (["03-JAN-58", "14-FEB-60"], QUASI),
        (["01/31/2020", "12/28/1980"], QUASI),
    ),
    *((["3 janvier 2020", "1er mars 2021"], QUASI), (["3 de enero de 2020", "4 de mayo de 2021"], QUASI)),
    *((["10 kwietnia 2019", "2 maja 2020"], QUASI), (["3 января 2020 г.", "5 мая 2021 г."], QUASI)),
    *((["2020. március 3.", "2021. május 4."], QUASI), (["3 Μαΐου 2020", "5 Ιουνίου 2021"], QUASI)),
    *((["12:30", "07:45:10"], QUASI), (["7:05 PM", "11:30 am"], QUASI), (["03/2020", "12/2019"], QUASI)),
    *((["2020-W05", "2021-W52"], QUASI), (["März 2020", "Mai 2021"], QUASI), ([19580103, 19991231], QUASI)),
    *((["5.3.2020 12:30", "6.3.2020 07:10"], QUASI), (["1980/05/30", "1981/06/01"], QUASI)),
    *((["January", "March", "May", "June"], QUASI), (["stycznia", "maja", "lipca"], QUASI)),
    *((["03.01.1958", "NA", "NA", "31.12.1999"], QUASI), (["10115", "?", "?", "80331", "01067"], QUASI)),
    # Places
    *((["52.5, 13.4", "48.1, 11.5"], QUASI), (["POINT (13.4 52.5)", "POINT (11.5 48.1)"], QUASI)),
    *((["52°31'12\"N", "48°08'00\"N"], QUASI), (["SRID=4326;POINT(1 2)", "SRID=4326;POINT(3 4)"], QUASI)),
    *((["SW1A 1AA", "M1 1AE"], QUASI), (["1011 AB", "3512JE"], QUASI), (["K1A 0B1", "M5V 3L9"], QUASI)),
    *((["00-950", "30-002"], QUASI), (["1000-001", "4050-123"], QUASI), (["111 22", "413 01"], QUASI)),
    *((["100-0001", "530-0001"], QUASI), (["D-10115", "A-1010"], QUASI), (["D02 AF30", "T12 X7Y8"], QUASI)),
    *(
        (["Germany", "France", "Italy", "France"], QUASI),
        (["DE", "FR", "IT", "SE"], QUASI),
        (["Polska", "Niemcy", "Litwa"], QUASI),
    ),
    # People
    *(
        (["männlich", "weiblich", "weiblich"], QUASI),
        (["homme", "femme", "femme"], QUASI),
        (["hombre", "mujer"], QUASI),
    ),
    *((["kvinna", "man", "man"], QUASI), (["мужской", "женский"], QUASI), (["άνδρας", "γυναίκα"], QUASI)),
    *((["ledig", "verheiratet", "geschieden"], QUASI), (["married", "single", "widowed"], QUASI)),
    *((["célibataire", "marié(e)", "veuf(ve)"], QUASI), (["żonaty", "panna", "wdowa"], QUASI)),
    # Numbers of registers
    *((["123456782", "111222333", "100000009"], ID), (["44051401359", "02070803628", "44051401458"], ID)),
    *(
        (["RSSMRA85T10A562S", "MRTMTT25D09F205Z", "RCCMNL83S18D969H"], ID),
        (["12345678Z", "87654321X", "11111111H"], ID),
    ),
    *(
        (["DE89 3704 0044 0532 0130 00", "NL91 ABNA 0417 1643 00"], ID),
        (["4111 1111 1111 1111", "5500005555555559"], ID),
    ),
    *((["JG 12 34 56 C", "AB 98 76 54 D"], ID), (["+49 30 123456", "+33 1 42 68 53 00"], ID)),
    *((["06 12 34 56 78", "01 42 68 53 00"], ID), (["030/1234567", "089/7654321"], ID)),
    *((["DE136695976", "ATU13585627", "NL004495445B01"], ID), (["+999 1234567", "+999 7654321"], UNDECIDED)),
    # Machines
    *((["2001:db8::1", "fe80::1ff:fe23:4567:890a"], ID), (["aa:bb:cc:dd:ee:ff", "00-14-22-01-23-45"], ID)),
    *((["https://example.org/u/ann", "https://example.org/u/bob"], ID), (["@ann_b", "@bob.c"], ID)),
    *(
        (["B-MW 1234", "M-AB 77", "HH-XY 9"], ID),
        (["AB12 CDE", "XY65 ZZZ"], ID),
        (["1HGCM82633A004352", "1M8GDM9AXKP042788"], ID),
    ),
]

NO_IDENTIFIERS: list[tuple[str, list[Any]]] = [
    ("HasCrCard", [1, 0, 1, 1]),
    ("telephone", ["yes", "no", "yes"]),
    ("Telefon", ["ja", "nein", "ja"]),
    ("téléphone", ["oui", "non", "oui"]),
    ("address", ["U", "R", "U"]),
    ("email", [True, False]),
    ("card", ["gold", "silver", "none", "gold"] * 30),
    ("account_type", ["a", "b", "c"] * 30),
    ("id_type", ["passport", "card", "other"] * 30),
    ("JobSatisfaction", [1, 2, 3, 4]),
    ("EnvironmentSatisfaction", [4, 2, 3, 1]),
    ("PerformanceRating", [3, 4, 3]),
    ("DailyRate", [1102, 279, 1373, 1392]),
    ("HourlyRate", [94, 61, 92]),
    ("MonthlyRate", [19479, 24907, 2396]),
    ("Over18", ["Y", "Y", "Y"]),
    ("empty", [None, None]),
    ("capital_gain", [0, 0, 2174, 14084]),
    ("hours_per_week", [40, 13, 40, 50]),
    ("class", ["<=50K", ">50K"] * 20),
]


def _classified(name: str, values: list[Any]) -> Verdict:
    return classify(gather(pl.Series(name, values, strict=False)))


@pytest.mark.parametrize(("name", "values", "role"), HEADERS)
def test_judge__names_of_columns_in_many_languages(name: str, values: list[str], role: str) -> None:
    assert _classified(name, values).role == role


@pytest.mark.parametrize(("values", "role"), VALUES)
def test_judge__values_without_a_name(values: list[Any], role: str) -> None:
    assert _classified("x", values).role == role


@pytest.mark.parametrize(("name", "values"), NO_IDENTIFIERS)
def test_judge__values_that_contradict_a_name_are_undecided(name: str, values: list[Any]) -> None:
    verdict = _classified(name, values)
    assert (verdict.role, verdict.proposal) == (UNDECIDED, QUASI)


def test_judge__identifying_columns_are_never_kept() -> None:
    kept = [
        name for name, values, role in HEADERS if role in (ID, QUASI) and _classified(name, values).role == SENSITIVE
    ]
    assert kept == []
    assert {_classified("x", values).role for values, _ in VALUES} <= {ID, QUASI, UNDECIDED}


@pytest.mark.parametrize(("name", "values", "role"), HEADERS)
def test_judge__spelling_of_a_name_does_not_matter(name: str, values: list[str], role: str) -> None:
    apart = name.replace("-", " ").replace("_", " ")
    spellings = {name.upper(), name.lower(), apart.replace(" ", "_"), apart.replace(" ", "."), f"  {name} "}
    assert {_classified(spelling, values).role for spelling in spellings if not _is_camel(name)} <= {role}


def _is_camel(name: str) -> bool:
    return any(one.islower() and two.isupper() for one, two in itertools.pairwise(name))


@pytest.mark.parametrize(
    ("name", "concept"),
    [
        ("Größe", "body"),
        ("GROESSE", "body"),
        ("grosse", "body"),
        ("Fødselsnummer", "id_number"),
        ("foedselsnummer", "id_number"),
        ("adresse e-mail", "email"),
        ("Ім'я", "first_name"),
        ("İkamet adresi", "address"),
        ("country of birth", "country"),
        ("rok_urodzenia", "birth_date"),
        ("D.O.B.", "birth_date"),
        ("DoB", "birth_date"),
        ("S.S.N.", "id_number"),
        ("Tel.-Nr.", "phone"),
        ("Geb.-Datum", "birth_date"),
        ("N° SS", "id_number"),
        ("Fec.Nac.", "birth_date"),
        ("Apellido1", "surname"),
        ("pat_nachname", "surname"),
        ("Bruttolohn", "income"),
        ("IdPaciente", "patient_number"),
    ],
)
def test_concepts_of__spellings(name: str, concept: str) -> None:
    assert concept in concepts_of(name)


def test_concepts_of__short_words_are_whole_names() -> None:
    assert "city" in concepts_of("by")
    assert "city" not in concepts_of("created_by")


def test_look__nearly_unique_pay_is_not_proposed_as_it_is() -> None:
    frame = pl.DataFrame({"MonthlyIncome": [2000 + 7 * i for i in range(40)], "age": [30, 31] * 20})
    row = look(frame).frame.row(0, named=True)
    assert (row["role"], row["proposal"]) == (UNDECIDED, QUASI)


def test_look__two_columns_of_fractions_may_be_coordinates() -> None:
    frame = pl.DataFrame({"p": [52.51234 + i / 777 for i in range(30)], "q": [13.41234 + i / 999 for i in range(30)]})
    assert look(frame).frame["reason"].to_list() == ["may be coordinates: decide"] * 2


def test_look__every_row_says_a_role_and_undecided_ones_a_proposal() -> None:
    frame = pl.DataFrame({"a": ["x", "y", "x"], "name": NAMES[:3], "n": [None] * 3})
    found = look(frame).frame
    assert set(found["role"]) == {ID, UNDECIDED}
    assert found.filter(role=UNDECIDED)["proposal"].null_count() == 0
    assert found.filter(pl.col("role") != UNDECIDED)["proposal"].null_count() == 1


def test_words__every_file_has_the_same_concepts() -> None:
    languages = [tomllib.loads(file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.toml"))]
    english = next(one for one in languages if one["language"] == "English")
    assert len(languages) > 30
    for one in languages:
        assert set(one.get("headers", {})) <= set(english["headers"]), one["language"]
        assert set(one["values"]) <= set(english["values"]), one["language"]
        words = [word for table in ("headers", "values") for group in one.get(table, {}).values() for word in group]
        assert all(isinstance(word, str) and word.strip(" *~") for word in words), one["language"]


def test_words__no_register_is_read_at_import() -> None:
    code = "import sys, shoal; assert not {'phonenumbers', 'stdnum', 'tomllib'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def _languages() -> list[Any]:
    files = [file for file in sorted(FOLDER.glob("*.toml")) if file.stem != "codes"]
    return [pytest.param(tomllib.loads(file.read_text(encoding="utf-8")), id=file.stem) for file in files]


_ROLE_OF = {
    **dict.fromkeys(["name", "first_name", "surname", "address", "phone"], ID),
    **dict.fromkeys(["id_number", "patient_number", "insurance_number", "account"], ID),
    **dict.fromkeys(["birth_date", "age", "sex", "city", "postcode", "region", "country", "nationality"], QUASI),
    **dict.fromkeys(["marital_status", "family", "ethnicity", "occupation", "education", "visit_date"], QUASI),
    **dict.fromkeys(["religion", "income", "health", "medication"], SENSITIVE),
}


@pytest.mark.parametrize("language", _languages())
def test_words__each_word_leads_to_its_role(language: dict[str, Any]) -> None:
    words = pl.Series("x", ["alpha1", "beta22", "gamma3", "delta4", "alpha1"])
    numbers = pl.Series("x", ["030 1234567", "030 7654321", "089 123456"])
    wrong: list[str] = []
    for concept, group in language["headers"].items():
        seen = gather(numbers if concept == "phone" else words)
        for word in group if concept in _ROLE_OF else []:
            name = word.strip("~*")
            if classify(replace(seen, name=name)).role != _ROLE_OF[concept]:
                wrong.append(word)
    assert wrong == []


@pytest.mark.parametrize("language", _languages())
def test_words__values_of_each_language_are_known(language: dict[str, Any]) -> None:
    values = language["values"]
    assert {"sex", "marital_status", "yes_no", "months", "countries"} <= values.keys()
    for concept in ("sex", "marital_status", "countries"):
        assert _classified("x", [*values[concept], *values[concept]]).role == QUASI
    assert len(values["months"]) >= 12
    for month in values["months"]:
        if len(month) > 2 and " " not in month:
            assert _classified("x", [f"3. {month} 2020", f"17. {month} 2021"]).role == QUASI, month
