import io

import numpy as np
import pytest
from PIL import Image

from netbuilder.data.datum import array_to_datum, datum_shape, datum_to_array, encoded_datum
from netbuilder.errors import DataError
from netbuilder.proto import caffe_pb2


@pytest.mark.parametrize("dtype, field", [("uint8", "data"), ("float64", "float_data")])
def test_round_trip(dtype, field):
    array = np.arange(24).reshape(2, 3, 4).astype(dtype)
    datum = caffe_pb2.Datum.FromString(array_to_datum(array, 7).SerializeToString())
    assert datum.label == 7 and getattr(datum, field) and datum_shape(datum) == (2, 3, 4)
    np.testing.assert_array_equal(datum_to_array(datum), array)
    assert datum_to_array(datum).dtype == ("uint8" if dtype == "uint8" else "float32")


def test_no_label_leaves_the_field_unset():
    assert not array_to_datum(np.zeros((1, 1, 1))).HasField("label")


def test_encoded_is_decoded():
    rgb, buffer = np.arange(60, dtype=np.uint8).reshape(5, 4, 3), io.BytesIO()
    Image.fromarray(rgb).save(buffer, "PNG")
    datum = encoded_datum(buffer.getvalue(), 3)
    assert datum.label == 3 and datum_shape(datum) == (3, 5, 4)
    np.testing.assert_array_equal(datum_to_array(datum), rgb[..., ::-1].transpose(2, 0, 1))
    assert datum_to_array(datum, color=False).shape == (1, 5, 4)


def test_bytes_come_before_floats_as_in_caffe():
    datum = caffe_pb2.Datum(channels=1, height=1, width=2, data=b"ab", float_data=[7, 8])
    assert datum_to_array(datum).tolist() == [[[97, 98]]]


def test_sizes_that_do_not_fit():
    datum = caffe_pb2.Datum(channels=3, height=2, width=2, data=b"12345")
    with pytest.raises(DataError, match="3x2x2 but holds 5 values"):
        datum_to_array(datum)
    with pytest.raises(DataError, match=r"not the shape \(4, 4\)"):
        array_to_datum(np.zeros((4, 4)))
