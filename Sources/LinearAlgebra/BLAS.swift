internal import COpenBLAS
internal import Matrices
