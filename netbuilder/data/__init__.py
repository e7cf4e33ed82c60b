"""Where images come from: databases, lists and image files, mean images, Caffe's transformation.

NumPy, Pillow, lmdb and h5py are each imported by the function that needs them; no PyTorch here.
"""
