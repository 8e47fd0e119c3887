namespace TorchSharp;

public static partial class torch
{
    /// <summary>Reductions and matrix products.</summary>
    public partial class Tensor
    {
        public Tensor sum(ScalarType? type = null) => Dispatch.Tensor("aten::sum", this, type);
        public Tensor sum(long dim, bool keepdim = false, ScalarType? type = null) => sum([dim], keepdim, type);
        public Tensor sum(long[] dim, bool keepdim = false, ScalarType? type = null) => Dispatch.Tensor("aten::sum.dim_IntList", this, dim, keepdim, type);
        public Tensor mean() => Dispatch.Tensor("aten::mean", this);
        public Tensor mean(long[] dimensions, bool keepdim = false, ScalarType? type = null) => Dispatch.Tensor("aten::mean.dim", this, dimensions, keepdim, type);
        public Tensor var(long[] dimensions, bool unbiased = true, bool keepdim = false, ScalarType? type = null)
            => type is { } wanted ? to(wanted).var(dimensions, unbiased, keepdim) : Dispatch.Tensor("aten::var.dim", this, dimensions, unbiased, keepdim);
        public Tensor std(bool unbiased = true) => Dispatch.Tensor("aten::std", this, unbiased);
        public Tensor max() => Dispatch.Tensor("aten::max", this);
        public Tensor min() => Dispatch.Tensor("aten::min", this);
        public (Tensor values, Tensor indexes) max(long dim, bool keepdim = false) => Pair(Dispatch.Tensors("aten::max.dim", this, dim, keepdim));
        public (Tensor values, Tensor indexes) min(long dim, bool keepdim = false) => Pair(Dispatch.Tensors("aten::min.dim", this, dim, keepdim));
        public Tensor argmax(long dim, bool keepdim = false) => Dispatch.Tensor("aten::argmax", this, dim, keepdim);
        public Tensor cumsum(long dim, ScalarType? type = null) => Dispatch.Tensor("aten::cumsum", this, dim, type);
        public Tensor norm(float p = 2) => Dispatch.Tensor("aten::norm.Scalar", this, (double)p);
        public Tensor logsumexp(long dim, bool keepdim = false) => Dispatch.Tensor("aten::logsumexp", this, new[] { dim }, keepdim);
        public Tensor softmax(long dim, ScalarType? dtype = null) => Dispatch.Tensor("aten::softmax.int", this, dim, dtype);
        public Tensor log_softmax(long dim, ScalarType? dtype = null) => Dispatch.Tensor("aten::log_softmax.int", this, dim, dtype);
        public Tensor all() => Dispatch.Tensor("aten::all", this);
        public Tensor any() => Dispatch.Tensor("aten::any", this);

        public (Tensor values, Tensor indexes) topk(int k, int dim = -1, bool largest = true, bool sorted = true)
            => Pair(Dispatch.Tensors("aten::topk", this, k, dim, largest, sorted));

        public Tensor mm(Tensor target) => Dispatch.Tensor("aten::mm", this, target);
        public Tensor matmul(Tensor target) => Dispatch.Tensor("aten::matmul", this, target);
        public Tensor addmm(Tensor mat1, Tensor mat2, float beta = 1, float alpha = 1) => Dispatch.Tensor("aten::addmm", this, mat1, mat2, (double)beta, (double)alpha);

        private static (Tensor, Tensor) Pair(Tensor[] results) => (results[0], results[1]);
    }
}
