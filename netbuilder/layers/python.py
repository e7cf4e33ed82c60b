"""Python: layers written in Python, and the forms of the tops of well-known ones.

A form names each dimension by a number or a letter; one letter is one size. Letters are bound by
shapes that the caller gives and by what the file tells; a top with a letter left is asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NoReturn

from netbuilder.errors import ShapeUnknown
from netbuilder.layer import Layer, Shape, register, show

# module.layer -> the tops' forms. py-faster-rcnn, lib/rpn and lib/roi_data_layer. H, W: of the
# first bottom; B: 4 per anchor, of which it has 2 scores each; L: the anchors of a column; K: 4
# per class of param_str; N, G: as many regions and boxes as the images have. The *SegDataLayer
# are fcn.berkeleyvision.org's: one image and its label maps; C, D: 3 colours or 1 depth.
FORMS = {
    "rpn.anchor_target_layer.AnchorTargetLayer": [
        ("1,1,L,W", "1,B,H,W", "1,B,H,W", "1,B,H,W")],
    "rpn.proposal_layer.ProposalLayer": [("N,5",), ("N,5", "N,1")],
    "rpn.proposal_target_layer.ProposalTargetLayer": [
        ("N,5", "N", "N,K", "N,K", "N,K"),
        ("N,5,1,1", "N,1,1,1", "N,K,1,1", "N,K,1,1", "N,K,1,1")],  # R-FCN
    **{f"{module}SegDataLayer": [("1,3,Y,X", *["1,1,Y,X"] * maps)] for module, maps in {
        "voc_layers.VOC": 1, "voc_layers.SBDD": 1, "pascalcontext_layers.PASCALContext": 1,
        "siftflow_layers.SIFTFlow": 2}.items()},
    "nyud_layers.NYUDSegDataLayer": [("1,C,Y,X", "1,1,Y,X"), ("1,C,Y,X", "1,D,Y,X", "1,1,Y,X")],
    "roi_data_layer.layer.RoIDataLayer": [
        ("I,3,Y,X", "N,5", "N"),  # Fast R-CNN without boxes to learn
        ("1,3,Y,X", "1,3", "G,5"),  # with a region proposal network: image, its size, boxes
        ("I,3,Y,X", "N,5", "N", "N,K", "N,K"), ("I,3,Y,X", "N,5", "N", "N,K", "N,K", "N,K"),
        # R-FCN: R is 8 where the boxes are of no class, which the file does not tell
        ("I,3,Y,X", "N,5,1,1", "N,1,1,1", *["N,R,1,1"] * 2),
        ("I,3,Y,X", "N,5,1,1", "N,1,1,1", *["N,R,1,1"] * 3)],
}


@register
class Python(Layer):
    """A layer written in Python: what it does stands in its module, not in the file.

    ``forms`` are the tops' forms where the layer is a well-known one with that many tops.
    """

    param = "python_param"
    bottoms_wanted = (0, None)
    tops_wanted = (0, None)

    def setup(self) -> None:
        known = FORMS.get(f"{self.fields.module}.{self.fields.layer}", [])
        known = [forms for forms in known if len(forms) == len(self.tops)]
        self.forms = next(filter(self._fits, known), known[0] if known else ())
        self.others = [forms for forms in known if forms is not self.forms]

    def _fits(self, forms: Sequence[str]) -> bool:
        """True if the shapes that are given have the axes and the numbers of these forms."""
        pairs = [(form.split(","), self.told[top])
                 for top, form in zip(self.tops, forms, strict=True) if top in self.told]
        return all(len(form) == len(told) and all(
            int(name) == size for name, size in zip(form, told, strict=True) if name.isdigit())
            for form, told in pairs)

    def shapes(self) -> Sequence[Shape]:
        forms = [form.split(",") for form in self.forms] or [None] * len(self.tops)
        sizes = self._facts() if self.forms else {}
        for top, form in zip(self.tops, forms, strict=True):
            if form and top in self.told:
                self._bind(sizes, top, form)
        return [self.told[top] if top in self.told else self._known(sizes, top, form)
                for top, form in zip(self.tops, forms, strict=True)]

    def _facts(self) -> dict[str, int]:
        sizes: dict[str, int] = {}
        if self.bottom_shapes and len(self.bottom_shapes[0]) == 4:
            _, scores, sizes["H"], sizes["W"] = self.bottom_shapes[0]
            sizes["B"], sizes["L"] = scores // 2 * 4, scores // 2 * sizes["H"]
        classes = re.search(r"['\"]?num_classes['\"]?\s*:\s*(\d+)", self.fields.param_str)
        if classes:
            sizes["K"] = 4 * int(classes[1])
        return sizes

    def _bind(self, sizes: dict[str, int], top: str, form: list[str]) -> None:
        told = self.told[top]
        fits = len(told) == len(form) and all(
            size == (int(name) if name.isdigit() else sizes.setdefault(name, size))
            for name, size in zip(form, told, strict=True))
        if not fits:
            known = ",".join(str(sizes.get(name, name)) for name in form)
            self.fail(f'"{top}" is given as {show(told)}, but {self.fields.layer} makes {known}')

    def _known(self, sizes: dict[str, int], top: str, form: list[str] | None) -> Shape:
        if form is None:
            self._ask(top, "N,C,H,W")
        if any(not name.isdigit() and name not in sizes for name in form):
            self._ask(top, ",".join(str(sizes.get(name, name)) for name in form))
        return tuple(int(name) if name.isdigit() else sizes[name] for name in form)

    def _ask(self, top: str, form: str) -> NoReturn:
        others = "".join(f", or {forms[self.tops.index(top)]}" for forms in self.others)
        raise ShapeUnknown(
            f'layer "{self.name}" (Python): {self.fields.module}.{self.fields.layer} decides '
            f'the shape of "{top}". Give it: --input {top}={form}{others}')
