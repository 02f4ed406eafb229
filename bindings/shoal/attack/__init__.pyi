"""The public names of `shoal.attack` and where each is defined: the one list, for type checkers and at run time."""

from shoal.attack.intersection_attack import IntersectionAttack as IntersectionAttack
from shoal.attack.intersection_attack import intersection as intersection
from shoal.attack.linkage_attack import LinkageAttack as LinkageAttack
from shoal.attack.linkage_attack import linkage as linkage
from shoal.attack.membership_attack import membership as membership
from shoal_engine.attack.figures import Answers as Answers
from shoal_engine.attack.figures import Chances as Chances
from shoal_engine.attack.figures import LearnedFigures as LearnedFigures
from shoal_engine.attack.figures import LinkageFigures as LinkageFigures
from shoal_engine.attack.intersection import IntersectionFigures as IntersectionFigures
from shoal_engine.attack.membership import MembershipFigures as MembershipFigures
