"""The child of ``netbuilder test``: forwards batches and adds up the outputs (``test``, caffe.cpp).

Sent to the engine's own Python as text; see wire.py. Sums are float32, as in Caffe.
"""

import numpy as np

from netbuilder.train.figures import Figures, forward, gait_of, take_fast_gait


def make_net(caffe, job, **options):
    """The net of a job with its weights; level and stages only where they say something."""
    if job["level"]:
        options["level"] = job["level"]
    if job["stages"]:
        options["stages"] = job["stages"]
    net = caffe.Net(job["model"], job["phase"], **options)
    for weights in job["weights"]:
        net.copy_from(weights)
    return net


def run(caffe, job, emit, _requests=None):
    """Scores the model that ``job`` names; its keys are listed in netbuilder/train/model.py."""
    take_fast_gait(caffe, job)
    net = make_net(caffe, job)
    figures, sums, loss = Figures(net), 0, np.float32(0)
    emit(event="started", iteration=0, gait=gait_of(net))
    for batch in range(job["iterations"]):
        forward(net)
        scores = figures.scores()
        sums, loss = sums + scores, loss + np.float32(figures.loss())
        emit(event="batch", iteration=batch, outputs=figures.labelled(scores))
    count = np.float32(job["iterations"])
    emit(event="scored", iteration=job["iterations"], loss=float(loss / count),
         outputs=figures.labelled(sums / count))
