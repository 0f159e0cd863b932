"Everything that `pip` needs to know, read from settings.ini."
from configparser import ConfigParser
from pathlib import Path
from setuptools import setup, find_packages

here = Path(__file__).parent
parser = ConfigParser(delimiters=['='])
parser.read(here/'settings.ini', encoding='utf-8')
cfg = parser['DEFAULT']

licenses = {'apache2': 'Apache-2.0', 'mit': 'MIT', 'bsd3': 'BSD-3-Clause', 'gpl3': 'GPL-3.0-only'}
statuses = ['1 - Planning', '2 - Pre-Alpha', '3 - Alpha', '4 - Beta', '5 - Production/Stable', '6 - Mature', '7 - Inactive']
pythons = [f'3.{minor}' for minor in range(10, 14)]

# on a package index, pictures and links of the README need whole addresses
raw, blob = cfg['git_url'].replace('github.com', 'raw.githubusercontent.com') + f"/{cfg['branch']}/", cfg['git_url'] + f"/blob/{cfg['branch']}/"
readme = (here/'README.md').read_text(encoding='utf-8') if (here/'README.md').exists() else cfg['description']
readme = readme.replace('](nbs/images/', f']({raw}nbs/images/').replace('](nbs/', f']({blob}nbs/')

def words(key): return cfg.get(key, '').split()

setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'],
    author=cfg['author'], author_email=cfg.get('author_email') or None, url=cfg['git_url'],
    project_urls={'Documentation': cfg['doc_host'] + cfg['doc_baseurl'], 'Source': cfg['git_url']},
    license=licenses[cfg['license']], license_files=['LICENSE'],
    classifiers=[
        f"Development Status :: {statuses[int(cfg['status']) - 1]}",
        f"Intended Audience :: {cfg['audience']}",
        'Intended Audience :: Science/Research',
        f"Natural Language :: {cfg['language']}",
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
        'Programming Language :: Python :: 3',
        *(f'Programming Language :: Python :: {v}' for v in pythons[pythons.index(cfg['min_python']):]),
    ],
    python_requires=f">={cfg['min_python']}",
    packages=find_packages(include=[cfg['lib_path'], cfg['lib_path'] + '.*']), include_package_data=True,
    install_requires=words('requirements'),
    extras_require={'dev': words('dev_requirements') + words('export_requirements') + words('distributed_requirements'), 'export': words('export_requirements'),
                    'distributed': words('distributed_requirements')},
    long_description=readme,
    long_description_content_type='text/markdown',
    entry_points={
        'console_scripts': [s.strip() for s in cfg.get('console_scripts', '').split('\n') if s.strip()],
        'nbdev': [f"{cfg['lib_path']}={cfg['lib_path']}._modidx:d"],
    },
    zip_safe=False,
)
