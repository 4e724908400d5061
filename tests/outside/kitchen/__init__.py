"""A package as its authors would write it outside of this one: a dataset of four modalities and two methods."""
