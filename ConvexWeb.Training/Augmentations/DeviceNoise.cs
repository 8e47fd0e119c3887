using static TorchSharp.torch;

namespace ConvexWeb.Training.Augmentations;

/// <summary>
/// Normal noise by the numbers of <see cref="Data.SplitMixStream"/>,
/// computed where the images are: number n of a stream is a hash of its key and n.
/// </summary>
internal static class DeviceNoise
{
    private const int Bits = 24;

    /// <summary>
    /// float32 [keys, count], standard normal:
    /// 24 bits of each number through the inverse of the normal distribution, so within ± 5.4.
    /// </summary>
    public static Tensor Normal(IEnumerable<ulong> keys, long count, Device device)
    {
        var starts = from_array(keys.Select(k => unchecked((long)k)).ToArray()).to(device).unsqueeze(1);
        // Odd numbers over 2^24 lie evenly in (−1, 1), both ends left out, and float32 holds each exactly.
        var odd = Shift(Numbers(starts, count), 64 - Bits).mul(2L).add(1L - (1L << Bits));
        return odd.to(ScalarType.Float32).mul(1.0 / (1L << Bits)).erfinv().mul(Math.Sqrt(2));
    }

    /// <summary>
    /// The first numbers of the streams that start at int64 [n, 1]: int64 [n, count].
    /// The steps are those of SplitMix.First; products wrap as they do there.
    /// </summary>
    internal static Tensor Numbers(Tensor starts, long count)
    {
        var z = starts + arange(count, ScalarType.Int64, starts.device).add(1L).mul(unchecked((long)0x9e3779b97f4a7c15));
        z = z.bitwise_xor(Shift(z, 30)).mul(unchecked((long)0xbf58476d1ce4e5b9));
        z = z.bitwise_xor(Shift(z, 27)).mul(unchecked((long)0x94d049bb133111eb));
        return z.bitwise_xor(Shift(z, 31));
    }

    // libtorch's shift of a signed number brings copies of the sign in from the left: the mask takes them out.
    private static Tensor Shift(Tensor z, int places)
        => z.bitwise_right_shift(full([], places, ScalarType.Int64)).bitwise_and(full([], (1L << (64 - places)) - 1, ScalarType.Int64));
}
