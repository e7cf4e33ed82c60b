"""Installs netbuilder: the generator and analyser; extras bring the engine and the tests."""

from pathlib import Path

from setuptools import find_packages, setup

TRAIN = ["torch>=2.6", "numpy>=1.26", "lmdb>=1.4", "pillow>=10", "matplotlib>=3.8",
         "h5py>=3.10", "scipy>=1.11"]
LEVELDB = ['plyvel>=1.5; python_version < "3.13"']  # it has no wheels for a newer Python
DEMO = [*TRAIN, "scikit-learn>=1.4"]
DEV = [*DEMO, "pytest>=8", "pytest-xdist>=3.5", "hypothesis>=6.100",
       "grpcio-tools>=1.62", "ruff>=0.6", "pydot>=3",
       # Elsewhere it has no wheels; its test is skipped then.
       'atheris>=2.3; sys_platform == "linux" and platform_machine == "x86_64"']

setup(
    name="netbuilder",
    version="0.1.0",
    description="Caffe networks from legos: build, count and train them, with or without Caffe",
    long_description=Path(__file__).with_name("README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="BSD-2-Clause",
    python_requires=">=3.10",
    packages=[*find_packages(include=["netbuilder", "netbuilder.*"]), "netbuilder.templates"],
    package_dir={"netbuilder.templates": "templates"},
    package_data={
        "netbuilder.proto": ["caffe.proto", "caffe.desc"],
        "netbuilder.templates": ["*/*.j2"],
    },
    install_requires=["protobuf>=4.25", "click>=8.2", "jinja2>=3.1", "rich>=13"],
    extras_require={"train": TRAIN, "leveldb": LEVELDB, "demo": DEMO, "dev": DEV},
    entry_points={"console_scripts": ["netbuilder=netbuilder.cli:cli"]},
    classifiers=[
        "Development Status :: 3 - Alpha",
        "Intended Audience :: Science/Research",
        "Programming Language :: Python :: 3.10",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
    ],
)
