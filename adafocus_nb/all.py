"What a user needs: `from adafocus_nb.all import *`. Everything else is imported from the module of its chapter"
from adafocus_nb.patches import (Draws, candidate_corners, crop_patches, draw_patch, random_corners, show_frame,
                                 show_patches)
from adafocus_nb.metrics import mean_average_precision, multiply_adds, top1
from adafocus_nb.decoding import VideoError, decode_frames, iter_frames, save_clip, video_info
from adafocus_nb.streams import iter_stream
from adafocus_nb.sources import VideoSource, check_source, read_source
from adafocus_nb.video_data import Clips, TensorVideo, VideoDataLoaders, VideoFiles, show_results
from adafocus_nb.made_videos import MovingDigits, MovingMotions
from adafocus_nb.backbones import BACKBONES, PRESETS, Backbone, build_backbone, build_classifier
from adafocus_nb.rewards import REWARDS, prob_of
from adafocus_nb.policy_ppo import (AdaFocus, Focus, Policy, choose, discounted_returns, normalise_returns, ppo_loss,
                                    preparation_of)
from adafocus_nb.evaluation import FIXED_POLICIES, FixedPolicy, compare_policies, evaluate, fixed_policies, verdict
from adafocus_nb.runs import Run, device_name, versions
from adafocus_nb.pictures import annotate_video, focus_frames, plot_curves, save_gif
from adafocus_nb.training_stages import PPOTrainer, RECIPES, recipe, stage0_learner, stage1_learner, stage3_learner
from adafocus_nb.recall import MemoryTrainer
from adafocus_nb.training import Training, fit_adafocus
from adafocus_nb.stills import start_on_stills
from adafocus_nb.adafocus_plus import AdaFocusPlus, evaluate_kept, fit_adafocus_plus
from adafocus_nb.tsm import TSM, TSN, AdaFocusTSM, TSMPlus, add_shift, temporal_shift
from adafocus_nb.fast import fast
from adafocus_nb.official import convert_official, load_official, model_from_official
from adafocus_nb.export import Exported, export_onnx, export_program
from adafocus_nb.inference import Recognizer, StreamRecognizer, as_frame
from adafocus_nb.reproduction import Study
from adafocus_nb.explorers import (eta_explorer, patch_explorer, ppo_explorer, reward_explorer, shift_explorer,
                                   video_explorer)
from adafocus_nb.tasks import demo, train
from adafocus_nb.using import convert, evaluate_run, export_model, predict_files, watch_stream
from adafocus_nb.measuring import benchmark, plan_training, reproduce

__all__ = [name for name,o in list(globals().items()) if not name.startswith('_')]
