"""Nonsmooth programs as they are traced: their pieces at a point, one by one."""
