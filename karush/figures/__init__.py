"""The figures of the papers on nonsmooth derivatives, at sizes of choice: what derivatives cost, and what ties do.

One file a figure, each a pure function of sizes that returns a `Figure`. Operation counts are exact and the same on
every machine; times are medians of processor time, so that the load of the machine weighs less, and only their ratios
within a run mean something.
"""
