__version__ = "0.0.1"

import warnings
warnings.filterwarnings('ignore', message='.*torch.jit.script.* is deprecated', category=FutureWarning)  # torchvision's
