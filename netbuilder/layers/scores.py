"""Layer types of forks that measure or read out what a net says: segmentation, text."""

from __future__ import annotations

from collections.abc import Sequence

from netbuilder.layer import Layer, Shape, register, show
from netbuilder.layers.forks import nchw


@register
class SegAccuracy(Layer):
    """Accuracy per pixel, recall and intersection over union, each a mean over classes
    (DeepLab and PSPNet, seg_accuracy_layer.cpp)."""

    param = "seg_accuracy_param"
    bottoms_wanted = (2, 2)
    fork = "DeepLab, PSPNet"

    def setup(self) -> None:
        scores, labels = nchw(self), nchw(self, 1)
        if not scores[1] or labels != (scores[0], 1, *scores[2:]):
            self.fail("needs scores (N, C, H, W) and labels (N, 1, H, W), not "
                      + ", ".join(map(show, self.bottom_shapes)))

    def shapes(self) -> Sequence[Shape]:
        return [(1, 1, 1, 3)]


@register
class MatWrite(Layer):
    """Writes its bottoms to files (DeepLab and PSPNet, mat_write_layer.cpp)."""

    param = "mat_write_param"
    bottoms_wanted = (1, None)
    tops_wanted = (0, 0)
    free = True
    fork = "DeepLab, PSPNet"


class Decoder(Layer):
    """Texts out of scores (T, N, C): sequences (N, T), their scores with two bottoms and two
    tops or with three, and how many are right with a third bottom, the texts there should be."""

    param = "ctc_decoder_param"
    bottoms_wanted = (2, 3)
    tops_wanted = (1, 3)

    def setup(self) -> None:
        if len(self.bottom_shapes[0]) < 3:
            self.fail(f"needs scores (T, N, C), not {show(self.bottom_shapes[0])}")
        if self.top_count > len(self.bottom_shapes):
            self.fail(f"{len(self.bottom_shapes)} bottoms tell no more than "
                      f"{len(self.bottom_shapes)} tops, not {self.top_count}")

    def shapes(self) -> Sequence[Shape]:
        steps, batch = self.bottom_shapes[0][:2]
        scores, right = (batch, 1, 1, 1), (1, 1, 1, 1)
        second = right if len(self.bottom_shapes) == 3 and self.top_count == 2 else scores
        return [(batch, steps, 1, 1), second, right][: self.top_count]


@register
class CTCGreedyDecoder(Decoder):
    """The best sign of each step (OpenVINO's training toolbox, ctc_decoder_layer.cpp)."""

    fork = "OpenVINO"


@register
class CTCBeamSearchDecoder(Decoder):
    """The best of several paths (OpenVINO's training toolbox, ctc_decoder_layer.cpp)."""

    fork = "OpenVINO"
