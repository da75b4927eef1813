"""`askance models`: good networks for few labels."""


def models() -> None:
    """List pretrained networks that are good for few labels, with licence and speed; any other name works too."""
    from askance.cli.show import console, print_table
    from askance.networks import DEFAULT, LISTED, cached
    from askance.networks.hub import cache_folder

    rows = [
        (
            one.name,
            f"{one.parameters:.1f}",
            f"{one.speed:g}",
            str(one.size),
            one.licence,
            one.learnt,
            "yes" if cached(one.file) else "",
        )
        for one in LISTED
    ]
    columns = ("name", "million parameters", "speed", "pixels", "licence", "learnt from", "here")
    print_table("pretrained networks, the best for few labels first", columns, rows)
    for line in (
        "speed: images a second on one core, MobileNetV2 = 1.",
        f"here: the weights are in the hub's cache, {cache_folder()}; others are fetched when first needed.",
        f"`askance init FOLDER` takes {DEFAULT.name} for photographs; another: --model NAME.",
        "gal-cnn, for small grey images, needs no weights. Every timm and torchvision name works, and "
        "transformers/OWNER/REPO.",
    ):
        console.print(line, markup=False, highlight=False, soft_wrap=True)
