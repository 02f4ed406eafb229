"""The lists behind the invented hospital records: names, towns, occupations, diagnoses and their weights."""

BANDS = (0, 1, 5, 16, 25, 40, 55, 67, 80)
"""First year of each age band; the weights below have one entry for each."""

# fmt: off
WOMEN = (
    "Maria", "Anna", "Emma", "Olivia", "Sofia", "Linda", "Mary", "Patricia", "Elena", "Fatima", "Grace",
    "Helen", "Ruth", "Alice", "Clara", "Julia", "Laura", "Nora", "Ines", "Aisha", "Mei", "Yuki", "Priya",
    "Leila", "Zoe", "Ida", "Eva", "Rosa", "Irene", "Martha", "Judith", "Vera", "Nadia", "Amara", "Chloe",
    "Diana", "Edith", "Flora", "Greta", "Hanna", "Ingrid", "Jana", "Karin", "Lucia", "Mila", "Nina",
    "Oksana", "Paula", "Rita", "Sara", "Tamar", "Ursula", "Violet", "Wanda", "Xenia", "Yara", "Zelda",
    "Abigail", "Beatriz", "Carmen", "Daphne", "Esther", "Freya", "Gloria", "Hilda", "Imani",
)
MEN = (
    "James", "John", "Robert", "David", "Jose", "Michael", "Omar", "Daniel", "Thomas", "Peter", "Ivan",
    "Luca", "Noah", "Liam", "Samuel", "Paul", "Mark", "Ahmed", "Wei", "Hiroshi", "Arjun", "Karim", "Felix",
    "Hugo", "Leo", "Max", "Oscar", "Victor", "Walter", "Adam", "Boris", "Carlos", "Dmitri", "Edgar",
    "Frank", "George", "Henry", "Isaac", "Jonas", "Karl", "Louis", "Marco", "Nils", "Otto", "Pablo",
    "Quentin", "Rafael", "Simon", "Tariq", "Ulrich", "Vincent", "William", "Xavier", "Yusuf", "Zoltan",
    "Albert", "Bruno", "Cedric", "Diego", "Emil", "Fernando", "Gustav", "Harold", "Igor", "Joseph", "Kofi",
)
FAMILIES = (
    "Smith", "Johnson", "Garcia", "Miller", "Brown", "Martinez", "Davis", "Nguyen", "Kim", "Lee", "Wilson",
    "Anderson", "Lopez", "Thomas", "Moore", "Jackson", "White", "Harris", "Clark", "Lewis", "Walker",
    "Hall", "Young", "King", "Wright", "Hill", "Green", "Adams", "Baker", "Nelson", "Carter", "Rivera",
    "Mitchell", "Perez", "Roberts", "Turner", "Phillips", "Campbell", "Parker", "Evans", "Edwards",
    "Collins", "Stewart", "Morris", "Rogers", "Reed", "Cook", "Morgan", "Bell", "Murphy", "Bailey",
    "Cooper", "Richardson", "Cox", "Howard", "Ward", "Torres", "Peterson", "Gray", "Ramirez", "Watson",
    "Brooks", "Kelly", "Sanders", "Price", "Bennett", "Wood", "Barnes", "Ross", "Henderson", "Coleman",
    "Jenkins", "Perry", "Powell", "Long", "Patterson", "Hughes", "Flores", "Washington", "Butler",
    "Simmons", "Foster", "Bryant", "Russell", "Griffin", "Diaz", "Hayes", "Novak", "Kowalski", "Schmidt",
    "Weber", "Rossi", "Ferrari", "Dubois", "Lambert", "Petrov", "Ivanova", "Tanaka", "Sato", "Chen", "Wang",
    "Singh", "Patel", "Khan", "Haddad", "Okafor", "Mensah", "Larsen", "Berg", "Silva", "Costa", "Horvath",
    "Popescu", "Yilmaz", "Demir", "Cohen", "Levi", "OBrien", "Quinn", "Vargas", "Zhang", "Abe", "Bauer",
    "Castillo", "Duarte",
)
# fmt: on

CITIES = (
    (10001, 180, 30.0),
    (60601, 60, 17.0),
    (94102, 40, 11.0),
    (77002, 90, 12.0),
    (2108, 30, 8.0),
    (98101, 60, 7.0),
    (30303, 50, 6.0),
    (85003, 50, 4.0),
    (55401, 40, 2.5),
    (4101, 20, 1.0),
    (59101, 12, 0.9),
    (99501, 20, 0.6),
)
"""First ZIP code, number of districts, weight."""

OCCUPATIONS = (
    # name, share of women among those who hold it, weight for each age band
    ("child", 0.49, (100, 100, 2, 0, 0, 0, 0, 0, 0)),
    ("pupil", 0.50, (0, 0, 98, 16, 0, 0, 0, 0, 0)),
    ("student", 0.55, (0, 0, 0, 36, 6, 1, 0, 0, 0)),
    ("apprentice", 0.40, (0, 0, 0, 9, 2, 0, 0, 0, 0)),
    ("retired", 0.54, (0, 0, 0, 0, 0.1, 1, 25, 92, 98)),
    ("homemaker", 0.93, (0, 0, 0, 3, 8, 8, 8, 4, 1)),
    ("unemployed", 0.47, (0, 0, 0, 8, 6, 6, 6, 0, 0)),
    ("unable to work", 0.50, (0, 0, 0, 1, 2, 4, 7, 1, 0.5)),
    ("office clerk", 0.72, (0, 0, 0, 4, 10, 11, 8, 0.4, 0)),
    ("sales", 0.62, (0, 0, 0, 9, 9, 8, 6, 0.4, 0)),
    ("nurse", 0.88, (0, 0, 0, 3, 7, 7, 5, 0.1, 0)),
    ("teacher", 0.74, (0, 0, 0, 1, 7, 7, 5, 0.1, 0)),
    ("care worker", 0.85, (0, 0, 0, 3, 5, 6, 4, 0.1, 0)),
    ("driver", 0.08, (0, 0, 0, 3, 6, 7, 6, 0.3, 0)),
    ("warehouse worker", 0.25, (0, 0, 0, 5, 6, 5, 3, 0, 0)),
    ("construction worker", 0.04, (0, 0, 0, 5, 8, 7, 4, 0, 0)),
    ("mechanic", 0.05, (0, 0, 0, 3, 5, 5, 4, 0.1, 0)),
    ("electrician", 0.04, (0, 0, 0, 2, 3, 3, 2, 0, 0)),
    ("farmer", 0.20, (0, 0, 0, 0.5, 1, 1.5, 2, 1, 0.2)),
    ("cook", 0.45, (0, 0, 0, 4, 4, 4, 2, 0, 0)),
    ("waiter", 0.63, (0, 0, 0, 7, 3, 1.5, 0.7, 0, 0)),
    ("cleaner", 0.82, (0, 0, 0, 2, 3, 4, 4, 0.2, 0)),
    ("police officer", 0.22, (0, 0, 0, 1, 2, 2, 0.5, 0, 0)),
    ("firefighter", 0.06, (0, 0, 0, 0.4, 0.8, 0.6, 0.2, 0, 0)),
    ("soldier", 0.15, (0, 0, 0, 3, 1, 0.4, 0, 0, 0)),
    ("software developer", 0.24, (0, 0, 0, 2, 7, 5, 2, 0, 0)),
    ("engineer", 0.18, (0, 0, 0, 1, 5, 5, 4, 0.2, 0)),
    ("manager", 0.40, (0, 0, 0, 0.5, 5, 9, 8, 0.5, 0)),
    ("accountant", 0.58, (0, 0, 0, 1, 3, 3, 3, 0.2, 0)),
    ("lawyer", 0.45, (0, 0, 0, 0, 1.5, 2, 1.5, 0.3, 0)),
    ("physician", 0.48, (0, 0, 0, 0, 2, 2, 1.5, 0.4, 0)),
    ("scientist", 0.42, (0, 0, 0, 0.3, 1.2, 1, 0.7, 0.1, 0)),
    ("artist", 0.52, (0, 0, 0, 1, 1, 0.8, 0.6, 0.2, 0.1)),
    ("judge", 0.38, (0, 0, 0, 0, 0, 0.1, 0.15, 0.02, 0)),
    ("pilot", 0.07, (0, 0, 0, 0, 0.2, 0.2, 0.1, 0, 0)),
)

_DIAGNOSES = (
    # name, weight for women, weight for men, middle cost, weight for each age band
    ("P07 preterm birth", 1, 1.1, 41000, (9, 0, 0, 0, 0, 0, 0, 0, 0)),
    ("P59 neonatal jaundice", 1, 1.2, 4200, (12, 0, 0, 0, 0, 0, 0, 0, 0)),
    ("J21 bronchiolitis", 1, 1.3, 6100, (22, 22, 1, 0, 0, 0, 0, 0, 0)),
    ("A09 gastroenteritis", 1, 1, 4100, (14, 14, 7, 3, 2, 2, 2, 3, 4)),
    ("J45 asthma", 1.1, 1, 5200, (5, 5, 12, 4, 3, 3, 2, 1, 1)),
    ("J35 tonsil disease", 1, 1, 4600, (3, 3, 13, 5, 1, 0.3, 0, 0, 0)),
    ("K35 appendicitis", 0.9, 1.1, 11500, (0.5, 0.5, 16, 10, 6, 3, 2, 1, 0.5)),
    ("S52 forearm fracture", 0.9, 1.3, 7200, (2, 2, 15, 5, 4, 3, 4, 4, 3)),
    ("S06 concussion", 0.8, 1.3, 6900, (5, 5, 10, 9, 5, 3, 3, 3, 4)),
    ("E10 type 1 diabetes", 1, 1, 7900, (0.5, 0.5, 5, 4, 2, 1, 0.7, 0.4, 0.2)),
    ("C91 lymphoid leukemia", 0.9, 1.2, 68000, (0.6, 0.6, 1.5, 0.6, 0.4, 0.5, 1, 1.2, 0.7)),
    ("F32 depression", 1.6, 1, 8800, (0, 0, 4, 10, 8, 8, 5, 2, 1)),
    ("F20 schizophrenia", 0.8, 1.2, 13500, (0, 0, 0.2, 5, 5, 3, 1.5, 0.4, 0.1)),
    ("F10 alcohol dependence", 0.45, 1.5, 6300, (0, 0, 0.5, 6, 7, 9, 6, 1.5, 0.3)),
    ("F50 eating disorder", 4, 0.4, 15200, (0, 0, 2, 3, 0.8, 0.2, 0, 0, 0)),
    ("X84 intentional self-harm", 1.4, 1, 7700, (0, 0, 2, 4, 2, 1.5, 0.8, 0.3, 0.3)),
    ("O80 delivery", 1, 0, 8600, (0, 0, 0.01, 48, 58, 1.2, 0, 0, 0)),
    ("O82 cesarean delivery", 1, 0, 13800, (0, 0, 0.004, 14, 26, 1, 0, 0, 0)),
    ("O03 miscarriage", 1, 0, 4300, (0, 0, 0.004, 7, 9, 1.2, 0, 0, 0)),
    ("N80 endometriosis", 1, 0, 8900, (0, 0, 0.1, 3, 5, 3, 0.2, 0, 0)),
    ("B20 HIV disease", 0.4, 1.3, 19500, (0.02, 0.02, 0.05, 1, 1.6, 1.5, 0.5, 0.1, 0)),
    ("A15 tuberculosis", 0.8, 1.2, 17200, (0.1, 0.1, 0.3, 0.8, 0.7, 0.6, 0.5, 0.5, 0.4)),
    ("G35 multiple sclerosis", 1.7, 0.7, 14300, (0, 0, 0.1, 1.2, 2, 1.6, 0.6, 0.1, 0)),
    ("G40 epilepsy", 1, 1.1, 8300, (4, 4, 4, 2, 2, 2, 2, 2, 2)),
    ("K80 gallstones", 1.5, 0.8, 10600, (0, 0, 0.4, 4, 8, 9, 8, 6, 4)),
    ("M51 disc disorder", 1, 1, 12800, (0, 0, 0.2, 2, 7, 10, 7, 3, 1)),
    ("K40 inguinal hernia", 0.15, 1.8, 7100, (2, 2, 1, 1, 2, 4, 6, 5, 3)),
    ("N20 kidney stone", 0.7, 1.3, 6600, (0, 0, 0.4, 3, 5, 6, 5, 3, 1)),
    ("I10 hypertension", 1, 1, 4700, (0, 0, 0, 0.4, 2, 5, 6, 6, 6)),
    ("E11 type 2 diabetes", 0.9, 1.1, 7400, (0, 0, 0.2, 0.6, 2, 5, 7, 6, 4)),
    ("I21 heart attack", 0.6, 1.5, 24500, (0, 0, 0, 0.1, 0.8, 5, 9, 9, 8)),
    ("I50 heart failure", 1, 1.1, 14900, (0, 0, 0, 0.1, 0.4, 2, 6, 13, 22)),
    ("I48 atrial fibrillation", 0.9, 1.1, 9300, (0, 0, 0, 0.1, 0.4, 2, 6, 10, 11)),
    ("I63 stroke", 0.9, 1.1, 21200, (0.05, 0.05, 0.1, 0.2, 0.7, 2.5, 6, 10, 13)),
    ("J44 chronic lung disease", 0.9, 1.1, 9900, (0, 0, 0, 0, 0.2, 2.5, 7, 10, 7)),
    ("J18 pneumonia", 0.9, 1.1, 10400, (8, 8, 4, 2, 2, 3, 5, 8, 14)),
    ("C50 breast cancer", 1, 0.008, 27500, (0, 0, 0, 0.1, 1.5, 7, 7, 5, 3)),
    ("C61 prostate cancer", 0, 1, 19800, (0, 0, 0, 0, 0, 1.5, 8, 9, 4)),
    ("C34 lung cancer", 0.8, 1.2, 38500, (0, 0, 0, 0, 0.2, 2, 6, 6, 3)),
    ("C18 colon cancer", 0.9, 1.1, 33000, (0, 0, 0, 0.05, 0.3, 2, 5, 6, 5)),
    ("M17 knee arthrosis", 1.3, 0.9, 18700, (0, 0, 0, 0, 0.2, 3, 10, 11, 4)),
    ("S72 hip fracture", 1.6, 0.7, 23400, (0.1, 0.1, 0.4, 0.3, 0.4, 0.7, 2, 7, 22)),
    ("G30 Alzheimer disease", 1.2, 0.9, 12100, (0, 0, 0, 0, 0, 0.1, 1, 4, 9)),
)

DIAGNOSES = tuple(row[0] for row in _DIAGNOSES)
DIAGNOSIS_WEIGHTS = tuple((row[1], row[2], row[4]) for row in _DIAGNOSES)
DIAGNOSIS_COSTS = tuple(row[3] for row in _DIAGNOSES)
