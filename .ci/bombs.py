#!/usr/bin/env python3
"""Files that want more than to be read: `python .ci/bombs.py [part of a name]`. Last line: "N passed, M failed".

A bomb for each kind of file that the package opens. Each is opened in a child process with bounded memory and time.
- Nothing runs (no marker is written), no file outside is opened (the canary is watched by inotify), nothing is
  connected to;
- the file is refused with one sentence that names it, or read without harm. Many are then opened once more with a
  reader that trusts them (`torch.load`, `torch.export.load`, Pillow, FFmpeg). There they must go off: a bomb that
  cannot go off proves nothing. `-v` prints seconds, memory and sentence of each.
"""
import contextlib, ctypes, io, json, os, pickle, resource, select, shutil, signal, socket, struct, sys, tarfile
import tempfile, time, warnings, zipfile, zlib
from itertools import chain
from pathlib import Path

os.environ.setdefault('OMP_NUM_THREADS', '1')
os.environ.setdefault('MPLBACKEND', 'Agg')
SECONDS = 20                                   # for one bomb
MEMORY = 2**29                                 # beyond that of the process which it starts from
tmp = tempfile.TemporaryDirectory()
ROOT = Path(tmp.name)
MARKER = ROOT/'marker'
OUTSIDE = ROOT/'outside'
OUTSIDE.mkdir()
(ROOT/'bin').mkdir()
CANARY = OUTSIDE/'canary.mp4'
os.environ['PATH'] = f"{ROOT/'bin'}:{os.environ['PATH']}"
(ROOT/'bin'/'gs').write_text(f'#!/bin/sh\necho boom > {MARKER}\nexit 1\n')
(ROOT/'bin'/'gs').chmod(0o755)

import numpy as np, onnx, onnxruntime, torch
from PIL import Image
from adafocus_nb import measuring, using
from adafocus_nb.all import AdaFocus, VideoDataLoaders, save_clip
from adafocus_nb.backbones import build_backbone
from adafocus_nb.decoding import decode_frames
from adafocus_nb.export import Exported, export_onnx, export_program
from adafocus_nb.official import model_from_official
from adafocus_nb.sources import VideoSource, check_source, read_source

warnings.filterwarnings('ignore')
SERVER = socket.create_server(('127.0.0.1', 0))
SERVER.setblocking(False)
PORT = SERVER.getsockname()[1]
SHELL = f'echo boom > {MARKER}'

# --- the trap: who opens the canary, who connects, who leaves a mark

libc = ctypes.CDLL(None, use_errno=True)
WATCH = libc.inotify_init1(os.O_NONBLOCK)
def watch(path): libc.inotify_add_watch(WATCH, os.fsencode(path), 0x20)       # IN_OPEN

def sprung():
    "What has gone off since the last call"
    found = []
    if MARKER.exists():
        MARKER.unlink()
        found.append('code ran')
    with contextlib.suppress(BlockingIOError):
        os.read(WATCH, 65536)
        found.append('a file outside was opened')
    with contextlib.suppress(BlockingIOError):
        SERVER.accept()[0].close()
        found.append('a connection was made')
    return found

def statm():
    "Bytes of address space, and of memory"
    return [int(o)*os.sysconf('SC_PAGE_SIZE') for o in Path('/proc/self/statm').read_text().split()[:2]]

def in_child(f):
    "Run f() in a process of its own -> kind and text of what it raised, seconds, and bytes beyond those at its start"
    read, write = os.pipe()
    space, memory = statm()
    start = time.time()
    pid = os.fork()
    if pid==0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_AS, (space+4*MEMORY, space+4*MEMORY))
        resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        here = statm()[1]
        said = 'read', ''
        try: f()
        except BaseException as e:
            plain = isinstance(e, (ValueError, OSError, ImportError))             # what the commands make a sentence of
            said = (f'{type(e).__module__}.{type(e).__name__}|{plain}', str(e))
        os.write(write, json.dumps([said[0], said[1][:10000], here]).encode()[:60000])
        os._exit(0)
    os.close(write)
    out = b''
    def left(): return max(0, start+SECONDS-time.time())
    while select.select([read], [], [], left())[0] and (more := os.read(read, 65536)): out += more
    os.close(read)
    with contextlib.suppress(ProcessLookupError): os.killpg(pid, signal.SIGKILL)
    _, status, usage = os.wait4(pid, 0)
    try: kind, text, here = json.loads(out)
    except ValueError: kind, text, here = 'killed', f'no answer in {SECONDS} s, or a crash (status {status})', memory
    return kind, text, time.time()-start, usage.ru_maxrss*1024-here

BOMBS = []             # name, make(folder) -> path, open(path), may it be read, naive(path) or None
def bomb(name, use, naive=None, fine=False):
    def add(make):
        BOMBS.append((name, make, use, fine, naive))
        return make
    return add

# --- readers

def exported(path): return Exported(path)
def official(path): return model_from_official(AdaFocus, path, patch_size=128, quiet=True)
def weights(path):  return build_backbone('tiny_local', str(path))
def saved(path):    return AdaFocus.load(path)
def run_of(path):   return using.trained_model(path)
def rates(path):    return measuring._rates_of(path)
def pixels(path):   return decode_frames(path, [0])
def listed(path):
    source = read_source(path)
    if (bad := check_source(source, on_error='skip', quiet=True).bad): raise ValueError(next(iter(bad.values())))

def trusting(path):  return torch.load(path, weights_only=False)
def torchs(path):    return torch.export.load(path)
def image(path):     return Image.open(next(path.iterdir())).convert('RGB')
def container(path):
    with contextlib.closing(__import__('av').open(str(path))) as box: return next(box.decode(video=0))

# --- pickles: what a file of torch.save may hold

class Call:
    def __init__(self, *call): self.call = call
    def __reduce__(self): return self.call[0], self.call[1:]
def shell(): return Call(os.system, SHELL)

def archive(path, pkl, parts=(('data/0', bytes(16)),), root='w'):
    with zipfile.ZipFile(path, 'w') as z:
        z.writestr(f'{root}/data.pkl', pkl)
        z.writestr(f'{root}/version', b'3\n')
        z.writestr(f'{root}/byteorder', b'little')
        for name, data in parts: z.writestr(f'{root}/{name}', data)
    return path

def packed(path, kind, *args):
    "A gigabyte of zeros in a megabyte, at the place where `kind` has its numbers"
    one = ROOT/f'packed.{kind.replace("/", ".")}'
    if not one.exists():
        with zipfile.ZipFile(one, 'w', zipfile.ZIP_DEFLATED, compresslevel=1) as z:
            for name, data in args: z.writestr(name, data)
            with z.open(kind, 'w') as f:
                for _ in range(64): f.write(bytes(2**24))
    shutil.copy(one, path)
    return path

def tensor_pickle(numel, size, stride=1, wrap=b'%s'):
    "{'w': a float tensor}, by hand"
    def number(n):
        if n<2**31: return b'J'+struct.pack('<i', n)
        return b'\x8a\x08'+struct.pack('<q', n)
    def text(s): return b'X'+struct.pack('<I', len(s))+s
    persistent = b'('+text(b'storage')+b'ctorch\nFloatStorage\n'+text(b'0')+text(b'cpu')+number(numel)+b'tQ'
    tensor = (b'ctorch._utils\n_rebuild_tensor_v2\n('+persistent+number(0)+number(size)+b'\x85'+number(stride)+b'\x85'
              +b'\x89ccollections\nOrderedDict\n)RtR')
    return b'\x80\x02}'+text(b'w')+wrap.replace(b'%s', tensor)+b's.'

SYSTEM = dict(protocol_version=1001, little_endian=True, type_sizes={})
LEGACY = [pickle.dumps(o, 2) for o in (0x1950a86a20f9469cfc6c, 1001, SYSTEM)]
def legacy(path, pkl, keys=(), after=b''):
    path.write_bytes(b''.join(LEGACY)+pkl+pickle.dumps(list(keys), 2)+after)
    return path

def tensors(): return dict(w=torch.zeros(2))
def raw(text): return f"cposix\nsystem\n(S'{text}'\ntR.".encode()

REBUILD = torch._utils._rebuild_tensor_v2
PICKLES = {
    'os.system in __reduce__':    lambda p: torch.save(dict(w=shell()), p),
    'among tensors':              lambda p: torch.save(tensors()|dict(optimizer=dict(state=[(1, shell())])), p),
    'eval':                       lambda p: torch.save(dict(w=Call(eval, f'__import__("os").system({SHELL!r})')), p),
    'getattr': lambda p:
        archive(p, ("c__builtin__\ngetattr\n(c__builtin__\n__import__\n"
                    f"(S'os'\ntRS'system'\ntR(S'{SHELL}'\ntR.").encode()),
    'functools.partial': lambda p:
        archive(p, f"cfunctools\npartial\n(cposix\nsystem\nS'{SHELL}'\ntR)R.".encode()),
    'a whole module':             lambda p: torch.save(torch.nn.Linear(1, 1), p),
    'protocol 4':                 lambda p: torch.save(dict(w=shell()), p, pickle_protocol=4),
    'the old format':             lambda p: torch.save(dict(w=shell()), p, _use_new_zipfile_serialization=False),
    'a bare pickle':              lambda p: p.write_bytes(pickle.dumps(shell())),
    'a bare pickle, protocol 0':  lambda p: p.write_bytes(raw(SHELL)),
    'INST':                       lambda p: archive(p, f"(S'{SHELL}'\niposix\nsystem\n.".encode()),
    'OBJ':                        lambda p: archive(p, f"(cposix\nsystem\nS'{SHELL}'\no.".encode()),
    'STACK_GLOBAL': lambda p:
        archive(p, b'\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c'+bytes([len(SHELL)])+SHELL.encode()+b'\x85R.'),
    'in the list of storages': lambda p:
        p.write_bytes(b''.join(LEGACY)+pickle.dumps({}, 2)+pickle.dumps(shell(), 2)),
    'in the first pickle':        lambda p: p.write_bytes(pickle.dumps(shell(), 2)+b''.join(LEGACY)),
    'hooks of a tensor': lambda p:
        torch.save(dict(w=Call(REBUILD, torch.zeros(1).storage(), 0, (1,), (1,), False, shell())), p),
    'a pickle in a storage': lambda p:
        torch.save(dict(w=Call(torch.storage._load_from_bytes, pickle.dumps(shell(), 2))), p),
    'numpy._reconstruct':         lambda p: torch.save(dict(w=np.array([shell()], dtype=object)), p),
    'BUILD of a dictionary':      lambda p: archive(p, b'\x80\x02ccollections\nOrderedDict\n)R'+raw(SHELL)[:-1]+b'b.'),
    'two pickles in one archive': lambda p: archive(p, pickle.dumps({}, 2), [('data.pkl', pickle.dumps(shell(), 2))]),
}
HARMLESS_ELSEWHERE = ('a whole module', 'two pickles in one archive')   # nothing runs in any reader
HUGE = {
    'packed parts': lambda p:
        packed(p, 'w/data/0', ('w/data.pkl', tensor_pickle(2**28, 2**28)), ('w/version', b'3\n')),
    'a storage without numbers':  lambda p: archive(p, tensor_pickle(10**12, 10**12)),
    'a storage a little too large': lambda p: archive(p, tensor_pickle(5000, 5000)),
    'a storage of the old format': lambda p: legacy(p, tensor_pickle(10**11, 10**11), ['0'], struct.pack('<q', 10**11)),
    'one number repeated':        lambda p: archive(p, tensor_pickle(4, 10**12, 0)),
    'a negative storage':         lambda p: archive(p, tensor_pickle(-4, 4)),
    'a tuple of two of a tuple of two …': lambda p:
        archive(p, b'\x80\x02})'+b''.join(b'q%ch%c\x86' % (i, i) for i in range(60))+b'K\x01s.'),
    'tuples in tuples':           lambda p: archive(p, b'\x80\x02})'+b'\x85'*10**6+b'K\x01s.'),
    'lists in lists':             lambda p: archive(p, b'\x80\x02'+b']'*10**5+b'a'*(10**5-1)+b'.'),
    'dictionaries without end':   lambda p: archive(p, b'\x80\x02}q\x00X\x01\x00\x00\x00ah\x00s.'),
    'a long string of no length': lambda p: archive(p, b'\x80\x02X\xff\xff\xff\xffabc.'),
    'names that are numbers':     lambda p: torch.save({0:torch.zeros(2), 1:dict(a=1)}, p),
    'parts that are numbers': lambda p:
        torch.save(dict(glancer={3:torch.zeros(2)}, state_dict=7, fc={'bias':torch.tensor(1.)}), p),
    'ten million classes':        lambda p: torch.save(dict(fc={'fc.bias':torch.zeros(10**7)}), p),
    'a tensor for a state dict':  lambda p: torch.save(torch.zeros(3), p),
    'complex numbers, sparse':    lambda p: torch.save(dict(fc={'fc.bias':torch.eye(3).to_sparse()}), p),
    'TorchScript':                lambda p: torch.jit.save(torch.jit.script(torch.nn.Linear(1, 1)), str(p)),
}
def drop_in(folder, name, data):
    (folder/name).write_bytes(data if isinstance(data, bytes) else data.encode())
    return folder/name
def make_saved(make, name='x.pth'):
    def f(folder):
        make(folder/name)
        return folder/name
    return f
for o, make in (PICKLES | HUGE).items():
    live = o in PICKLES and o not in HARMLESS_ELSEWHERE
    bomb(f'official .pth: {o}', official, trusting if live else None)(make_saved(make))
for o in ('os.system in __reduce__', 'the old format', 'a bare pickle', 'packed parts', 'a storage without numbers',
          'a tuple of two of a tuple of two …', 'names that are numbers', 'dictionaries without end'):
    bomb(f'weights .pth: {o}', weights)(make_saved((PICKLES | HUGE)[o]))

@bomb('official .pth: a tar file', official, trusting)
def _(folder):
    with tarfile.open(folder/'x.pth', 'w') as t:
        for name in ('storages','tensors','pickle'):
            data = pickle.dumps(shell() if name=='storages' else 0, 2)
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))
    return folder/'x.pth'

# --- .pt2 and .onnx

torch.manual_seed(0)
MODEL = AdaFocus.from_preset('tiny', n_classes=3, labels=list('abc')).eval()
STEP = export_program(MODEL, ROOT/'step.pt2', step=True)
NET = export_onnx(MODEL, ROOT/'step.onnx', step=True)
with zipfile.ZipFile(STEP) as z: PARTS = {o.partition('/')[2]: z.read(o) for o in z.namelist()}
NAME = 'models/model.json'
WEIGHTS = 'data/weights/model_weights_config.json'
CONSTANTS = 'data/constants/model_constants_config.json'

def pt2(folder, change, drop=()):
    parts = {k:v for k,v in PARTS.items() if k not in drop} | change
    with zipfile.ZipFile(folder/'x.pt2', 'w') as z:
        for k,v in parts.items(): z.writestr(f'x/{k}', v)
    return folder/'x.pt2'

def program(f):
    "The program after f(graph, whole)"
    o = json.loads(PARTS[NAME])
    f(o['graph_module']['graph'], o)
    return {NAME: json.dumps(o).encode()}
def table(name, f):
    o = json.loads(PARTS[name])
    f(o['config'])
    return {name: json.dumps(o).encode()}
def pickled_shell():
    b = io.BytesIO()
    torch.save(dict(w=shell()), b)
    return b.getvalue()
def first_value(d): return d[next(iter(d))]

@bomb('.pt2: pickled inputs', exported, torchs, fine=True)
def _(folder): return pt2(folder, {'data/sample_inputs/model.pt': pickled_shell()})

@bomb('.pt2: a pickled weight', exported, torchs)
def _(folder):
    change = table(WEIGHTS, lambda t: first_value(t).update(use_pickle=True))
    return pt2(folder, change | {'data/weights/weight_0': pickled_shell()})

@bomb('.pt2: all weights pickled', exported, torchs)
def _(folder): return pt2(folder, {'data/weights/model.pt': pickled_shell()}, [WEIGHTS])

@bomb('.pt2: pickled weights beside plain ones', exported, torchs, fine=True)
def _(folder): return pt2(folder, {'data/weights/model.pt': pickled_shell()})

@bomb('.pt2: a pickled object among the constants', exported, torchs)
def _(folder):
    change = table(CONSTANTS, lambda t: first_value(t).update(path_name='opaque_obj_0', use_pickle=True))
    return pt2(folder, change | {'data/constants/opaque_obj_0': pickle.dumps(shell())})

@bomb('.pt2: code for a shape', exported, torchs, fine=True)
def _(folder):
    def change(graph, _):
        for o in graph['sym_int_values'].values():
            if 'as_expr' in o: o['as_expr']['expr_str'] = f'__import__("os").system({SHELL!r})'
        for v in graph['tensor_values'].values():
            for o in v['sizes']:
                if 'as_expr' in o: o['as_expr']['expr_str'] = f'__import__("os").system({SHELL!r})'
    return pt2(folder, program(change))

def calls(target, **args):
    def change(graph, _):
        node = next(o for o in graph['nodes'] if o['target'].endswith('argmax.default'))
        node['target'] = target
        node['inputs'] = [dict(name=k, arg=v, kind=1) for k,v in args.items()]
    return program(change)

@bomb('.pt2: os.system for an operation', exported)
def _(folder): return pt2(folder, calls('torch.os.system', command={'as_string': SHELL}))

@bomb('.pt2: eval for an operation', exported)
def _(folder): return pt2(folder, calls('math.__loader__', name={'as_string': SHELL}))

@bomb('.pt2: an operation that opens a file', exported)
def _(folder):
    return pt2(folder, calls('torch.ops.aten.from_file.default', filename={'as_string': str(CANARY)},
                             size={'as_int': 10}))

@bomb('.pt2: code for a name', exported, fine=True)
def _(folder):
    name = f'x=__import__("os").system({SHELL!r})'
    return pt2(folder, {NAME: PARTS[NAME].replace(b'"argmax"', json.dumps(name).encode())})

@bomb('.pt2: a graph in a graph in a graph …', exported)
def _(folder): return pt2(folder, {NAME: b'{"graph_module":'*10**5+b'1'+b'}'*10**5})

@bomb('.pt2: a program of no program', exported)
def _(folder): return pt2(folder, {NAME: b'[1, 2]'})

@bomb('.pt2: packed', exported)
def _(folder): return packed(folder/'x.pt2', f'x/{NAME}', *[(f'x/{k}', v) for k,v in PARTS.items() if k!=NAME])

@bomb('.pt2: a part that lies about its size', exported)
def _(folder):
    path = pt2(folder, {})
    data = bytearray(path.read_bytes())
    at = data.rfind(b'PK\x01\x02')
    data[at+20:at+28] = struct.pack('<II', 2**31-1, 2**31-1)
    path.write_bytes(data)
    return path

@bomb('.pt2: a weight larger than its numbers', exported)
def _(folder):
    wide = dict(sizes=[{'as_int':10**12}], strides=[{'as_int':0}])
    return pt2(folder, table(WEIGHTS, lambda t: first_value(t)['tensor_meta'].update(wide)))

@bomb('.pt2: all weights from one file', exported, fine=True)
def _(folder):
    def change(t):
        one = first_value(t)
        for i in range(10**4): t[f'w{i}'] = one
    return pt2(folder, table(WEIGHTS, change) | {'data/weights/weight_0': bytes(2**20)})

@bomb('.pt2: weights of a path', exported)
def _(folder): return pt2(folder, table(WEIGHTS, lambda t: first_value(t).update(path_name=f'../../../{CANARY}')))

@bomb('.pt2: a state without end', exported)
def _(folder):
    about = json.loads(PARTS['extra/adafocus.json']); about['states'] = {k:[10**12] for k in about['states']}
    return pt2(folder, {'extra/adafocus.json': json.dumps(about).encode()})

@bomb('.pt2: says nothing of itself', exported)
def _(folder): return pt2(folder, {'extra/adafocus.json': b'[[]]'})

@bomb('.pt2: as torch 2.6 wrote it, pickled', exported, torchs)
def _(folder):
    with zipfile.ZipFile(folder/'x.pt2', 'w') as z:
        for k,v in (('version', b'8.2'), ('serialized_exported_program.json', PARTS[NAME]),
                    ('serialized_state_dict.pt', pickled_shell()),
                    ('serialized_constants.pt', pickled_shell()), ('serialized_example_inputs.pt', pickled_shell()),
                    ('extra_files/adafocus.json', PARTS['extra/adafocus.json'])): z.writestr(k, v)
    return folder/'x.pt2'

@bomb('.pt2: a pickle by that name', exported, trusting)
def _(folder): torch.save(shell(), folder/'x.pt2'); return folder/'x.pt2'

def net(folder, change):
    m = onnx.load(NET)
    change(m)
    (folder/'x.onnx').write_bytes(m.SerializeToString())
    return folder/'x.onnx'

def beside(place, offset=0, length=64):
    def change(m):
        t = next(o for o in m.graph.initializer if o.data_type==1)
        for f in ('raw_data','float_data'): t.ClearField(f)
        t.dims[:] = [16]
        t.data_location = onnx.TensorProto.EXTERNAL
        for k,v in dict(location=place, offset=offset, length=length).items():
            e = t.external_data.add()
            e.key = k
            e.value = str(v)
    return change
def ort(path): return onnxruntime.InferenceSession(str(path))
def onnxs(path): return onnx.load(str(path))

for name, place in (('an absolute path', str(CANARY)), ('a path upwards', '../outside/canary.mp4'),
                    ('/etc/passwd', '/etc/passwd'),
                    ('an address in memory', '*/_ORT_MEM_ADDR_/_'), ('nowhere', 'nowhere.bin'), ('a folder', '.'),
                    ('a path with a detour', 'a/../../outside/canary.mp4'),
                    ('the other slash', '..\\outside\\canary.mp4'), ('a pipe', 'pipe')):
    @bomb(f'.onnx: numbers from {name}', exported)
    def _(folder, place=place):
        os.mkfifo(folder/'pipe')
        return net(folder, beside(place))

@bomb('.onnx: numbers from a link', exported)
def _(folder): (folder/'n.bin').symlink_to(CANARY); return net(folder, beside('n.bin'))

@bomb('.onnx: numbers from a linked folder', exported)
def _(folder): (folder/'n').symlink_to(OUTSIDE); return net(folder, beside('n/canary.mp4'))

@bomb('.onnx: more numbers than the file beside it has', exported)
def _(folder): (folder/'n.bin').write_bytes(bytes(64)); return net(folder, beside('n.bin', 2**40, 64))

@bomb('.onnx: operations of a library', exported)
def _(folder):
    def change(m):
        m.graph.node[0].domain = 'evil.library'
        o = m.opset_import.add()
        o.domain = 'evil.library'
        o.version = 1
    return net(folder, change)

@bomb('.onnx: a tensor without numbers', exported)
def _(folder):
    def change(m):
        t = m.graph.initializer[0]
        t.ClearField('raw_data')
        t.dims[:] = [10**6, 10**6]
    return net(folder, change)

@bomb('.onnx: a sparse tensor', exported)
def _(folder):
    def change(m):
        s = m.graph.sparse_initializer.add()
        s.dims[:] = [10**12]
        s.values.name = 's'
        s.values.data_type = 1
        s.values.dims[:] = [1]
        s.values.raw_data = bytes(4)
        s.indices.data_type = 7
        s.indices.dims[:] = [1]
        s.indices.raw_data = bytes(8)
    return net(folder, change)

def filled(m):
    "A constant of 3 GB, made when constants are folded"
    n = onnx.helper
    m.graph.initializer.append(n.make_tensor('huge_shape', 7, [1], [750*2**20]))
    m.graph.node.insert(0, n.make_node('ConstantOfShape', ['huge_shape'], ['huge']))
    m.graph.node.insert(1, n.make_node('ReduceMax', ['huge'], ['most'], keepdims=0))
    m.graph.node.append(n.make_node('Add', [m.graph.output[0].name, 'most'], ['more']))
    m.graph.output[0].name = 'more'
@bomb('.onnx: a constant to fill the memory', exported, fine=True)
def _(folder): return net(folder, filled)

@bomb('.onnx: a pickle by that name', exported, trusting)
def _(folder):
    torch.save(shell(), folder/'x.onnx')
    return folder/'x.onnx'

# --- a saved model: config.json and model.safetensors; a run

MODEL.save(ROOT/'model')
CONFIG = json.loads((ROOT/'model'/'config.json').read_text())
def model_with(folder, text=None, **config):
    shutil.copytree(ROOT/'model', folder/'m')
    (folder/'m'/'config.json').write_text(text or json.dumps(CONFIG|config))
    return folder/'m'
for name, config in {
    'an unknown class': {'class':'os.system'},
    'a class of Python': {'class':'builtins.eval'},
    'a key of no use': {'trust_code':True},
    'weights of an address': {'weights':f'http://127.0.0.1:{PORT}/w.pth'},
    'weights of a file': {'weights':dict(glance=str(CANARY))},
    'a backbone by path': {'glance':str(CANARY)},
    'a backbone of no text': {'local':{'a':1}},
    'classes without end': {'n_classes':10**12},
    'a memory without end': {'hidden':10**9},
    'frames without end': {'frame_size':10**9},
    'candidates without end': {'k':10**6},
    'classes of no number': {'n_classes':'3; import os'},
    'a negative size': {'patch_size':-4},
    'labels of no list': {'labels':7},
}.items():
    @bomb(f'config.json: {name}', saved)
    def _(folder, config=config): return model_with(folder, **config)
for name, text in {
    'lists in lists': '['*10**6,
    'a list': '[]',
    'no JSON': '\0',
    'a number without end': '{"n_classes":'+'9'*10**5+'}',
    'not a number': '{"n_classes": NaN}',
}.items():
    @bomb(f'config.json: {name}', saved)
    def _(folder, text=text): return model_with(folder, text)

def header(o, data=b''):
    h = o if isinstance(o, bytes) else json.dumps(o).encode()
    return struct.pack('<Q', len(h))+h+data
TABLES = {
    'a header without end': struct.pack('<Q', 2**60)+b'{}',
    'a header of lists': header(b'['*10**6),
    'a shape without end': header({'w':dict(dtype='F32', shape=[2**40, 2**40], data_offsets=[0, 4])}, bytes(4)),
    'offsets outside': header({'w':dict(dtype='F32', shape=[1], data_offsets=[2**50, 2**50+4])}, bytes(4)),
    'a pickle': pickle.dumps(shell()),
}
for name, data in TABLES.items():
    @bomb(f'model.safetensors: {name}', saved)
    def _(folder, data=data):
        m = model_with(folder)
        drop_in(m, 'model.safetensors', data)
        return m
    @bomb(f'weights .safetensors: {name}', weights)
    def _(folder, data=data): return drop_in(folder, 'x.safetensors', data)

for name, text in {
    'lists in lists': '['*10**6,
    'a list': '[]',
    'a number without end': '{"rates":'+'9'*10**5+'}',
    'no numbers': json.dumps(dict.fromkeys(('videos_a_step','rates','decode','device','versions'))),
}.items():
    @bomb(f'--rates: {name}', rates)
    def _(folder, text=text): return drop_in(folder, 'plan.json', text)
    @bomb(f'a run: config.json with {name}', run_of, fine=True)
    def _(folder, text=text):
        (folder/'r').mkdir()
        (folder/'r'/'config.json').write_text(text)
        shutil.copytree(ROOT/'model', folder/'r'/'best')
        return folder/'r'

# --- data: videos, lists, frames, caches

BLACK = torch.zeros(4, 3, 32, 32, dtype=torch.uint8)
save_clip(CANARY, BLACK)
watch(CANARY)
URL = f'http://127.0.0.1:{PORT}/a.mp4'
PLAYLISTS = {
    'm3u8 of a file': f'#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{CANARY}\n#EXT-X-ENDLIST\n',
    'm3u8 of an address': f'#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{URL}\n#EXT-X-ENDLIST\n',
    'm3u8 with a key of an address':
        f'#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXT-X-KEY:METHOD=AES-128,URI="{URL}"\n'
        f'#EXTINF:1,\n{CANARY}\n#EXT-X-ENDLIST\n',
    'm3u8 of m3u8': f'#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n{CANARY}\n',
    'm3u8 of concat': f'#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nconcat:{CANARY}|{CANARY}\n#EXT-X-ENDLIST\n',
    'ffconcat': f"ffconcat version 1.0\nfile 'beside.mp4'\n",
    'ffconcat of an absolute path': f"ffconcat version 1.0\nfile '{CANARY}'\n",
    'sdp':
        'v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\n'
        f'm=video {PORT} RTP/AVP 96\na=rtpmap:96 H264/90000\n',
    'mpd':
        '<?xml version="1.0"?>'
        '<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S">'
        f'<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1">'
        f'<BaseURL>{CANARY}</BaseURL></Representation></AdaptationSet></Period></MPD>',
    'rtsp': f'RTSPtext\n[Reference]\nRef1={URL}\n',
    'pls': f'[playlist]\nFile1={URL}\n',
    'svg': f'<svg xmlns="http://www.w3.org/2000/svg"><image href="file://{CANARY}"/></svg>',
}
for name, text in PLAYLISTS.items():
    endings = ['.m3u8'] if 'm3u8' in name else ['.mp4']
    if name=='m3u8 of a file': endings = ['.mp4', '.m3u8']
    for ending in endings:
        live = (ending, name) in (('.m3u8','m3u8 of a file'), ('.mp4','ffconcat'))
        @bomb(f'video{ending}: {name}', pixels, container if live else None)
        def _(folder, text=text, ending=ending):
            shutil.copy(CANARY, folder/'beside.mp4')
            sprung()
            watch(folder/'beside.mp4')
            return drop_in(folder, f'x{ending}', text)

@bomb('video.mov: its pictures are in another file', pixels)
def _(folder):
    save_clip(folder/'x.mov', BLACK)
    data = bytearray((folder/'x.mov').read_bytes())
    at = data.find(b'url \0\0\0\1')
    name = str(CANARY).encode()+b'\0'
    if at>0: data[at-4:at+8] = struct.pack('>I', 12+len(name))+b'url \0\0\0\0'+name
    return drop_in(folder, 'x.mov', bytes(data))
for name in ('concat:{0}|{0}', 'subfile,,start,0,end,0,,:{0}', 'file:{0}', 'http://127.0.0.1:{1}/x.mp4',
             'pipe:0', 'data:video/mp4;base64,AAAA', 'crypto:{0}', '-', 'tee:{0}', 'async:{0}', 'cache:{0}'):
    @bomb(f'a name: {name.split("{")[0]}', pixels)
    def _(folder, name=name): return name.format(CANARY, PORT)
    if not name.startswith(('concat','http','-')): continue
    @bomb(f'CSV: the name {name.split("{")[0]}', listed)
    def _(folder, name=name):
        save_clip(folder/'a.mp4', torch.zeros(4,3,32,32, dtype=torch.uint8))
        return drop_in(folder, 'x.csv', f'path,label\na.mp4,a\na.mp4,b\n"{name.format(CANARY, PORT)}",a\n')
for name, data in {
    'a field without end': b'path,label\n'+b'a'*2**21+b',b\n',
    'zeros': b'\0'*10**6,
    'a quote without end': b'path,label\n"'+b'a,b\n'*10**6,
    'a pickle': pickle.dumps(shell()),
    'columns without end': b'path,label'+b',a'*10**6+b'\nx,y\n',
    'formulas': f'path,label\n=cmd|"{SHELL}",a\n'.encode(),
    'numbers without end': b'path,label\nx.mp4,'+b'9'*5000+b'\ny.mp4,1\n',
}.items():
    @bomb(f'CSV: {name}', listed)
    def _(folder, data=data): return drop_in(folder, 'x.csv', data)

def png(w, h, *chunks):
    def chunk(kind, data): return struct.pack('>I', len(data))+kind+data+struct.pack('>I', zlib.crc32(kind+data))
    head = chunk(b'IHDR', struct.pack('>IIBBBBB', w, h, 8, 2, 0, 0, 0))
    tail = chunk(b'IDAT', zlib.compress(bytes(100)))+chunk(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n'+head+b''.join(chunk(*o) for o in chunks)+tail
EPS = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n(x) run\n%%EOF\n'
FRAMES = {
    'a PNG of 100,000 x 100,000': png(100_000, 100_000),
    'a PNG of 13,000 x 13,000': png(13_000, 13_000),
    'text in a PNG': png(8, 8, (b'zTXt', b'a\0\0'+zlib.compress(bytes(2**28)))),
    'many texts in a PNG': png(8, 8, *[(b'zTXt', b'a\0\0'+zlib.compress(bytes(2**20-1)))]*200),
    'a profile in a PNG': png(8, 8, (b'iCCP', b'a\0\0'+zlib.compress(bytes(2**28)))),
    'PostScript': EPS,
    'a GIF of 65,535 x 65,535':
        b'GIF89a'+struct.pack('<HH', 65535, 65535)+b'\0\0\0,'+struct.pack('<HHHH', 0, 0, 65535, 65535)+b'\0\2\2L\1\0;',
    'a pickle': pickle.dumps(shell()),
    'a TIFF of 60,000 x 60,000': None,
}
for name, data in FRAMES.items():
    for ending in ('jpg','png') if name=='PostScript' else ('png',):
        @bomb(f'frames .{ending}: {name}', pixels, image if name=='PostScript' else None)
        def _(folder, data=data, ending=ending):
            (folder/'clip').mkdir()
            if data is None:
                Image.new('1', (60_000, 60_000)).save(folder/'x.tif', compression='group4')
                data = (folder/'x.tif').read_bytes()
            drop_in(folder/'clip', f'img_00001.{ending}', data)
            return folder/'clip'

def loaded(path):
    "An epoch of a data set, with its cache"
    source = VideoSource([path/'a.mp4']*2, [[0],[1]], [path/'a.mp4']*2, [[0],[1]], 'ab')
    dls = VideoDataLoaders.from_source(source, n_frames=2, frame_size=32, bs=2, num_workers=0, device='cpu',
                                       cache=path/'cache')
    return [x.as_subclass(torch.Tensor) for x,_ in chain(dls.train, dls.valid)]
def cached(path): assert not any(x.any() for x in loaded(path)), 'other frames'
def npy(path):
    for o in path.rglob('*.npy'): np.load(o, allow_pickle=True)
def npy_file(descr, shape):
    b = io.BytesIO()
    np.lib.format.write_array_header_1_0(b, dict(descr=descr, fortran_order=False, shape=shape))
    return b.getvalue()
def object_npy():
    b = io.BytesIO()
    np.save(b, np.array([shell()], dtype=object), allow_pickle=True)
    return b.getvalue()
CACHES = {
    'an array of objects': object_npy,
    'a shape without end': lambda: npy_file('<u1', (10**15,)),
    'code for a header': lambda:
        b'\x93NUMPY\1\0'+struct.pack('<H', 80)+f'__import__("os").system("{SHELL}")'.ljust(80).encode()[:80],
    'a pickle': lambda: pickle.dumps(shell()),
    'a deep header': lambda: b'\x93NUMPY\1\0'+struct.pack('<H', 9000)+b'('*9000,
}
for name, data in CACHES.items():
    @bomb(f'cache .npy: {name}', cached, npy if name in ('an array of objects','a pickle') else None, fine=True)
    def _(folder, data=data):
        save_clip(folder/'a.mp4', BLACK)
        loaded(folder)
        files = list((folder/'cache').rglob('*.npy'))
        assert files, 'no cache was written'
        for o in files: o.write_bytes(data())
        return folder

# --- all of them

def judge(folder, path, fine, kind, text, seconds, more):
    "What is wrong with how a bomb was met; nothing if all is well"
    wrong = sprung()
    if seconds>SECONDS/2: wrong.append(f'{seconds:.0f} s')
    if more>MEMORY: wrong.append(f'{more/2**20:.0f} MB')
    if kind=='read':
        if not fine: wrong.append('was read')
    elif not kind.endswith('|True'): wrong.append(f'{kind}: {text[:200]}')
    elif '\n' in text.strip() or len(text)>600: wrong.append(f'no sentence: {text[:200]!r}')
    elif Path(path).name not in text and str(folder) not in text: wrong.append(f'does not name the file: {text[:200]}')
    return wrong

def met(i, name, make, use, fine, trust):
    "What is wrong with one bomb: in our reader, and in one that trusts it"
    wrong = []
    for reader in (use, trust):
        if reader is None: continue
        folder = ROOT/f'b{i}'
        folder.mkdir()
        path = make(folder)
        sprung()
        res = in_child(lambda: reader(path))
        if reader is use:
            wrong += judge(folder, path, fine, *res)
            if '-v' in sys.argv: print(f'{res[2]:5.1f} s {res[3]/2**20:5.0f} MB  {name}: {res[1][:160]}')
        elif not sprung(): wrong.append(f'does not go off where it should: {res[0]} {res[1][:150]}')
        shutil.rmtree(folder)
    return wrong

def main(only):
    passed = 0
    failed = 0
    start = time.time()
    for i,o in enumerate(BOMBS):
        if only and only not in o[0]: continue
        wrong = met(i, *o)
        if wrong: print(f'FAILED {o[0]}: {"; ".join(wrong)}')
        passed += not wrong
        failed += bool(wrong)
    live = sum(o[4] is not None for o in BOMBS)
    print(f'{live} of {len(BOMBS)} bombs were also opened by a reader that trusts them; in {time.time()-start:.0f} s')
    print(f'{passed} passed, {failed} failed')
    return failed>0

if __name__ == '__main__':
    words = [o for o in sys.argv[1:] if o[0]!='-']
    sys.exit(main(words[0] if words else None))
