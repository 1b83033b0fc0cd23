"""Where people are in space: from depth pictures, from metric joints, or from one camera and body proportions."""
