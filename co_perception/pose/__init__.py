"""From pictures to people: pose estimators behind one interface, and the tracker that gives their answers names."""
