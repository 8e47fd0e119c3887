namespace TorchSharp;

public static partial class torch
{
    /// <summary>Shapes, views, indexing, copies and moves.</summary>
    public partial class Tensor
    {
        public Tensor reshape(params long[] shape) => Dispatch.Tensor("aten::reshape", this, shape);
        public Tensor view(params long[] shape) => Dispatch.Tensor("aten::view", this, shape);
        public Tensor flatten(long start_dim = 0, long end_dim = -1) => Dispatch.Tensor("aten::flatten.using_ints", this, start_dim, end_dim);
        public Tensor unsqueeze(long dim) => Dispatch.Tensor("aten::unsqueeze", this, dim);
        public Tensor squeeze(long? dim = null) => dim is { } d ? Dispatch.Tensor("aten::squeeze.dim", this, d) : Dispatch.Tensor("aten::squeeze", this);
        public Tensor expand(params long[] sizes) => Dispatch.Tensor("aten::expand", this, sizes);
        public Tensor repeat(params long[] sizes) => Dispatch.Tensor("aten::repeat", this, sizes);
        public Tensor t() => Dispatch.Tensor("aten::t", this);
        public Tensor transpose(long dim0, long dim1) => Dispatch.Tensor("aten::transpose.int", this, dim0, dim1);
        public Tensor permute(params long[] permutation) => Dispatch.Tensor("aten::permute", this, permutation);
        public Tensor flip(params long[] dims) => Dispatch.Tensor("aten::flip", this, dims);
        public Tensor contiguous() => Dispatch.Tensor("aten::contiguous", this);

        public Tensor narrow(long dim, long start, long length) => Dispatch.Tensor("aten::narrow", this, dim, start, length);
        public Tensor select(long dim, long index) => Dispatch.Tensor("aten::select.int", this, dim, index);
        public Tensor slice(long dim, long start, long finish, long step) => Dispatch.Tensor("aten::slice.Tensor", this, dim, start, finish, step);
        public Tensor index_select(long dim, Tensor index) => Dispatch.Tensor("aten::index_select", this, dim, index);
        public Tensor gather(long dim, Tensor index) => Dispatch.Tensor("aten::gather", this, dim, index);

        public Tensor index_copy_(long dim, Tensor index, Tensor source) => Dispatch.InPlace("aten::index_copy_", this, dim, index, source);
        public Tensor scatter_add_(long dim, Tensor index, Tensor src) => Dispatch.InPlace("aten::scatter_add_", this, dim, index, src);

        public Tensor clone() => Dispatch.Tensor("aten::clone", this);
        public Tensor detach() => Dispatch.Tensor("aten::detach", this);
        public Tensor copy_(Tensor source, bool nonBlocking = false) => Dispatch.InPlace("aten::copy_", this, source, nonBlocking);
        public Tensor fill_(Scalar value) => Dispatch.InPlace("aten::fill_.Scalar", this, value);
        public Tensor zero_() => Dispatch.InPlace("aten::zero_", this);
        public Tensor uniform_(double from, double to, Generator? generator = null) => Dispatch.InPlace("aten::uniform_", this, from, to);
        public Tensor normal_(double mean = 0, double std = 1, Generator? generator = null) => Dispatch.InPlace("aten::normal_", this, mean, std);
        public Tensor bernoulli_(double p = 0.5, Generator? generator = null) => Dispatch.InPlace("aten::bernoulli_.float", this, p);

        public Tensor to(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
            => Finish(Dispatch.Tensor("aten::to.dtype", this, type, non_blocking, copy), disposeAfter);

        public Tensor to(Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
            => Finish(Dispatch.Tensor("aten::to.dtype_layout", this, Argument.None, Argument.None, device, Argument.None, non_blocking, copy), disposeAfter);

        public Tensor to(ScalarType type, Device device, bool copy = false, bool disposeAfter = false, bool non_blocking = false)
            => Finish(Dispatch.Tensor("aten::to.device", this, device, type, non_blocking, copy), disposeAfter);

        public Tensor to_type(ScalarType type, bool copy = false, bool disposeAfter = false, bool non_blocking = false) => to(type, copy, disposeAfter, non_blocking);

        public Tensor cpu() => to(CPU);

        private Tensor Finish(Tensor result, bool disposeThis)
        {
            if (disposeThis) Dispose();
            return result;
        }

        /// <summary>The elements as a managed array's reader; the tensor must be on the CPU and hold <typeparamref name="T"/>.</summary>
        public Utils.TensorAccessor<T> data<T>() where T : unmanaged => new(this);
    }
}
