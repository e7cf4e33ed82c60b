"""Caffe's messages: the schema (`caffe.proto`), its classes, and reading and writing of files."""
