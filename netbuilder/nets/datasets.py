"""The data sets that networks were made for.

Sources are those of Caffe's examples/imagenet and examples/cifar10. Mean values stand in the
order of the stored channels: blue, green, red for convert_imageset's databases; red, green, blue
for convert_cifar_data's.
"""

from netbuilder.nets.registry import Dataset

IMAGENET = Dataset(
    title="ImageNet (ILSVRC 2012)",
    train_source="examples/imagenet/ilsvrc12_train_lmdb",
    test_source="examples/imagenet/ilsvrc12_val_lmdb",
    mean_value=(104, 117, 123),
    stored_size=256,
    train_images=1_281_167,
    test_images=50_000,
    batch_size=32,
    test_batch_size=50,
)

# As imagenet-multiGPU.torch prepares it; mean and deviation are those saved with its NIN, in blue,
# green, red and times 255. Images have 256 on their short side.
IMAGENET_TORCH = IMAGENET._replace(
    mean_value=(103.50032758, 116.34131440, 123.57868038),
    std_value=(57.36364828, 57.23903232, 58.36814002),
    batch_size=128,
)

CIFAR10 = Dataset(
    title="CIFAR-10",
    train_source="examples/cifar10/cifar10_train_lmdb",
    test_source="examples/cifar10/cifar10_test_lmdb",
    mean_value=(125.3, 123.0, 113.9),
    stored_size=32,
    train_images=50_000,
    test_images=10_000,
    batch_size=128,
    test_batch_size=100,
)

# As Torch's residual networks took them: each channel divided by its standard deviation too.
IMAGENET_STD = IMAGENET._replace(
    mean_value=(103.53, 116.28, 123.675), std_value=(57.375, 57.12, 58.395))
CIFAR10_STD = CIFAR10._replace(std_value=(63.0, 62.1, 66.7))
