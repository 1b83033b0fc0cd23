"""Pose estimation: estimators behind one interface, the tracker that gives people ids, image resizing."""
