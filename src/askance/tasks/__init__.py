"""What is predicted: classification now; detection, segmentation and pose to come, each in a folder of its own."""
