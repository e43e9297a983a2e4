internal import LinearAlgebra

/// The linear-algebra kernel that results are computed on: equal kernels give equal bits.
public var computingKernel: String { kernelName }
