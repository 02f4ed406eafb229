"""The public names of `shoal.attack` and where each is defined: the one list, for type checkers and at run time."""

from shoal.attack.intersection_attack import IntersectionAttack as IntersectionAttack
from shoal.attack.intersection_attack import intersection as intersection
from shoal.attack.linkage_attack import LinkageAttack as LinkageAttack
from shoal.attack.linkage_attack import linkage as linkage
from shoal.attack.membership_attack import membership as membership
from shoal.attack.row_attacks import AttributionRisk as AttributionRisk
from shoal.attack.row_attacks import RowAttack as RowAttack
from shoal.attack.row_attacks import attribution as attribution
from shoal.attack.row_attacks import inference as inference
from shoal.attack.row_attacks import linkability as linkability
from shoal.attack.row_attacks import singling_out as singling_out
from shoal_engine.attack.attribution import Attribution as Attribution
from shoal_engine.attack.attribution import AttributionReport as AttributionReport
from shoal_engine.attack.figures import Answers as Answers
from shoal_engine.attack.figures import Chances as Chances
from shoal_engine.attack.figures import LearnedFigures as LearnedFigures
from shoal_engine.attack.figures import LinkageFigures as LinkageFigures
from shoal_engine.attack.intersection import IntersectionFigures as IntersectionFigures
from shoal_engine.attack.likelihood_ratio import likelihood_ratio as likelihood_ratio
from shoal_engine.attack.loss_threshold import loss_threshold as loss_threshold
from shoal_engine.attack.membership import MembershipFigures as MembershipFigures
from shoal_engine.attack.membership_scores import MembershipReport as MembershipReport
from shoal_engine.attack.success_rates import AttackReport as AttackReport
from shoal_engine.attack.success_rates import Interval as Interval
from shoal_engine.attack.success_rates import Risk as Risk
from shoal_engine.attack.success_rates import Trials as Trials
