"Everything that a user needs: `from adafocus_nb.all import *`"
from adafocus_nb.patches import *
from adafocus_nb.metrics import *
from adafocus_nb.decoding import *
from adafocus_nb.sources import *
from adafocus_nb.video_data import *
from adafocus_nb.backbones import *
from adafocus_nb.policy_ppo import *
from adafocus_nb.memory import *
from adafocus_nb.evaluation import *
from adafocus_nb.runs import *
from adafocus_nb.training_stages import *
from adafocus_nb.stills import *
from adafocus_nb.adafocus_plus import *
from adafocus_nb.tsm import *
from adafocus_nb.fast import *
from adafocus_nb.official import *
from adafocus_nb.export import *
from adafocus_nb.inference import *
from adafocus_nb.reproduction import *
from adafocus_nb.distributed import *
from adafocus_nb.plan import *
from adafocus_nb.explorers import *
from adafocus_nb.tasks import (demo, train, evaluate_run, predict_files, watch_stream, convert, export_model, benchmark,
                               reproduce, plan_training)
