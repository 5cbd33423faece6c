"""Code that others write: custom maskers, detectors and codecs, how they are found, loaded and watched."""
