"""Caffe networks from legos: build, count and train them, with or without Caffe."""
