"""The task that a project's settings name, over its pool."""

from typing import Any

from askance.loop.contract import Task
from askance.loop.project import Project
from askance.pool import FileImages, Limits
from askance.session.trunks import model_of


def task_of(project: Project) -> Task[Any]:
    """Classification, of one class an image or of several labels, or detection.

    Raises:
        ConfigError: settings that the task cannot follow.
    """
    config = project.config
    records = project.store.images()
    uris = {image_id: record.uri for image_id, record in records.items()}
    images = FileImages(uris, max_pixels=config.pool.max_pixels, limits=Limits.of(config.pool))
    features, work = project.root / "features", project.root / "training"
    if config.task == "detection":
        from askance.tasks.detection import detection_by

        sizes = {name: (record.width, record.height) for name, record in records.items()}
        return detection_by(
            model_of(project),
            config.train,
            config.detector,
            config.classes,
            images,
            sizes=sizes,
            features=features,
        )
    from askance.tasks.classification import Classification

    return Classification(
        model_of(project),
        config.train,
        config.classes,
        images,
        several=config.several,
        features=features,
        work=work,
    )
