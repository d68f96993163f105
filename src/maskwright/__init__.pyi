"""Types of the public names, which are imported when first used; a test holds both lists alike."""

from maskwright.masking.contract import check_policy as check_policy
from maskwright.masking.policy import Scene as Scene
from maskwright.patches.grid import Grid as Grid
from maskwright.patches.mask import PatchMask as PatchMask
from maskwright.patches.mask import split as split
from maskwright.studies.publishing import publish as publish
from maskwright.studies.study import compare as compare
from maskwright.studies.study import study as study
from maskwright.support.errors import MaskwrightError as MaskwrightError
from maskwright.workflows.anomalies import anomalies as anomalies
from maskwright.workflows.diagnose import diagnose as diagnose
from maskwright.workflows.doctor import doctor as doctor
from maskwright.workflows.embed import embed as embed
from maskwright.workflows.encoder import load as load
from maskwright.workflows.evaluate import evaluate as evaluate
from maskwright.workflows.export import export as export
from maskwright.workflows.finetune import finetune as finetune
from maskwright.workflows.masks import masks as masks
from maskwright.workflows.neighbors import neighbors as neighbors
from maskwright.workflows.pretrain import pretrain as pretrain
from maskwright.workflows.reconstruct import reconstruct as reconstruct
from maskwright.workflows.register import list_runs as list_runs
from maskwright.workflows.run import Run as Run
from maskwright.workflows.run import open_run as open_run
from maskwright.workflows.select import select as select
from maskwright.workflows.survey import survey as survey

__version__: str
