"""The models: parameters, fitting, folding in and scoring, joining the kernels with tables of ratings."""
