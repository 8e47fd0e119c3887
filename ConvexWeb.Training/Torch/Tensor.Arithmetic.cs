namespace TorchSharp;

public static partial class torch
{
    /// <summary>Element by element: arithmetic, functions, comparisons.</summary>
    public partial class Tensor
    {
        public Tensor add(Tensor target) => Dispatch.Tensor("aten::add.Tensor", this, target);
        public Tensor add(Tensor target, Scalar alpha) => Dispatch.Tensor("aten::add.Tensor", this, target, alpha);
        public Tensor add(Scalar scalar) => Dispatch.Tensor("aten::add.Scalar", this, scalar);
        public Tensor add_(Tensor target) => Dispatch.InPlace("aten::add_.Tensor", this, target);
        public Tensor add_(Tensor target, Scalar alpha) => Dispatch.InPlace("aten::add_.Tensor", this, target, alpha);
        public Tensor add_(Scalar scalar) => Dispatch.InPlace("aten::add_.Scalar", this, scalar);
        public Tensor sub(Tensor target) => Dispatch.Tensor("aten::sub.Tensor", this, target);
        public Tensor sub(Scalar target) => Dispatch.Tensor("aten::sub.Scalar", this, target);
        public Tensor sub_(Tensor target) => Dispatch.InPlace("aten::sub_.Tensor", this, target);
        public Tensor sub_(Scalar target) => Dispatch.InPlace("aten::sub_.Scalar", this, target);
        public Tensor mul(Tensor target) => Dispatch.Tensor("aten::mul.Tensor", this, target);
        public Tensor mul(Scalar target) => Dispatch.Tensor("aten::mul.Scalar", this, target);
        public Tensor mul_(Tensor target) => Dispatch.InPlace("aten::mul_.Tensor", this, target);
        public Tensor mul_(Scalar target) => Dispatch.InPlace("aten::mul_.Scalar", this, target);
        public Tensor div(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => Dispatch.Tensor("aten::div.Tensor_mode", this, target, Word(rounding_mode));
        public Tensor div(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => Dispatch.Tensor("aten::div.Scalar_mode", this, target, Word(rounding_mode));
        public Tensor div_(Tensor target, RoundingMode rounding_mode = RoundingMode.None) => Dispatch.InPlace("aten::div_.Tensor_mode", this, target, Word(rounding_mode));
        public Tensor div_(Scalar target, RoundingMode rounding_mode = RoundingMode.None) => Dispatch.InPlace("aten::div_.Scalar_mode", this, target, Word(rounding_mode));
        private static string? Word(RoundingMode mode) => mode == RoundingMode.None ? null : mode.ToString();

        public Tensor addcmul_(Tensor tensor1, Tensor tensor2, Scalar value) => Dispatch.InPlace("aten::addcmul_", this, tensor1, tensor2, value);
        public Tensor addcdiv_(Tensor tensor1, Tensor tensor2, Scalar value) => Dispatch.InPlace("aten::addcdiv_", this, tensor1, tensor2, value);
        public Tensor pow(Scalar exponent) => Dispatch.Tensor("aten::pow.Tensor_Scalar", this, exponent);
        public Tensor maximum(Tensor other) => Dispatch.Tensor("aten::maximum", this, other);
        public Tensor minimum(Tensor other) => Dispatch.Tensor("aten::minimum", this, other);

        public Tensor neg() => Dispatch.Tensor("aten::neg", this);
        public Tensor abs() => Dispatch.Tensor("aten::abs", this);
        public Tensor exp() => Dispatch.Tensor("aten::exp", this);
        public Tensor log() => Dispatch.Tensor("aten::log", this);
        public Tensor sqrt() => Dispatch.Tensor("aten::sqrt", this);
        public Tensor square() => Dispatch.Tensor("aten::square", this);
        public Tensor rsqrt() => Dispatch.Tensor("aten::rsqrt", this);
        public Tensor sigmoid() => Dispatch.Tensor("aten::sigmoid", this);
        public Tensor tanh() => Dispatch.Tensor("aten::tanh", this);
        public Tensor relu() => Dispatch.Tensor("aten::relu", this);
        public Tensor elu(double alpha = 1) => Dispatch.Tensor("aten::elu", this, alpha);
        public Tensor leaky_relu(Scalar negative_slope) => Dispatch.Tensor("aten::leaky_relu", this, negative_slope);
        public Tensor clamp(Scalar? min = null, Scalar? max = null) => Dispatch.Tensor("aten::clamp", this, min, max);
        public Tensor clamp_(Scalar? min = null, Scalar? max = null) => Dispatch.InPlace("aten::clamp_", this, min, max);
        public Tensor floor() => Dispatch.Tensor("aten::floor", this);
        public Tensor round(long decimals = 0) => Dispatch.Tensor("aten::round.decimals", this, decimals);
        public Tensor erfinv() => Dispatch.Tensor("aten::erfinv", this);
        public Tensor isfinite() => Dispatch.Tensor("aten::isfinite", this);

        public Tensor bitwise_and(Tensor other) => Dispatch.Tensor("aten::bitwise_and.Tensor", this, other);
        public Tensor bitwise_xor(Tensor other) => Dispatch.Tensor("aten::bitwise_xor.Tensor", this, other);
        public Tensor bitwise_right_shift(Tensor other) => Dispatch.Tensor("aten::bitwise_right_shift.Tensor", this, other);

        public Tensor eq(Tensor target) => Dispatch.Tensor("aten::eq.Tensor", this, target);
        public Tensor eq(Scalar target) => Dispatch.Tensor("aten::eq.Scalar", this, target);
        public Tensor ne(Tensor target) => Dispatch.Tensor("aten::ne.Tensor", this, target);
        public Tensor ne(Scalar target) => Dispatch.Tensor("aten::ne.Scalar", this, target);
        public Tensor lt(Scalar target) => Dispatch.Tensor("aten::lt.Scalar", this, target);
        public Tensor le(Scalar target) => Dispatch.Tensor("aten::le.Scalar", this, target);
        public Tensor gt(Scalar target) => Dispatch.Tensor("aten::gt.Scalar", this, target);
        public Tensor gt(Tensor target) => Dispatch.Tensor("aten::gt.Tensor", this, target);
        public Tensor ge(Scalar target) => Dispatch.Tensor("aten::ge.Scalar", this, target);
        public Tensor where(Tensor condition, Tensor y) => Dispatch.Tensor("aten::where.self", condition, this, y);
        public Tensor masked_fill(Tensor mask, Scalar value) => Dispatch.Tensor("aten::masked_fill.Scalar", this, mask, value);

        public static Tensor operator +(Tensor left, Tensor right) => left.add(right);
        public static Tensor operator +(Tensor left, Scalar right) => left.add(right);
        public static Tensor operator +(Scalar left, Tensor right) => right.add(left);
        public static Tensor operator -(Tensor left, Tensor right) => left.sub(right);
        public static Tensor operator -(Tensor left, Scalar right) => left.sub(right);
        public static Tensor operator -(Scalar left, Tensor right) => Dispatch.Tensor("aten::rsub.Scalar", right, left);
        public static Tensor operator *(Tensor left, Tensor right) => left.mul(right);
        public static Tensor operator *(Tensor left, Scalar right) => left.mul(right);
        public static Tensor operator *(Scalar left, Tensor right) => right.mul(left);
        public static Tensor operator /(Tensor left, Tensor right) => left.div(right);
        public static Tensor operator /(Tensor left, Scalar right) => left.div(right);
        public static Tensor operator -(Tensor tensor) => tensor.neg();
    }
}
