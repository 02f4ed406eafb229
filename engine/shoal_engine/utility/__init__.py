"""Utility: how much information a released table keeps."""
