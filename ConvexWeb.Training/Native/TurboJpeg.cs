using System.Runtime.InteropServices;

namespace ConvexWeb.Training.Native;

/// <summary>The functions of libjpeg-turbo's TurboJPEG API (version 2.1, Debian's libturbojpeg0) that decoding needs, one to one. It has no part in libtorch.</summary>
internal static unsafe partial class TurboJpeg
{
    private const string Library = "libturbojpeg.so.0";

    public const int PixelsRgb = 0, PixelsCmyk = 11;
    public const int ColourCmyk = 3, ColourYcck = 4;

    /// <summary>A progressive file of absurdly many scans is an error, not hours of work.</summary>
    public const int LimitScans = 32768;

    /// <summary>An error code: the image was decoded, with something to remark.</summary>
    public const int Warning = 0;

    [LibraryImport(Library)] public static partial nint tjInitDecompress();
    [LibraryImport(Library)] public static partial int tjDestroy(nint handle);
    [LibraryImport(Library)] public static partial int tjDecompressHeader3(nint handle, byte* data, nuint size, out int width, out int height, out int subsampling, out int colours);

    [LibraryImport(Library)]
    public static partial int tjDecompress2(nint handle, byte* data, nuint size, byte* pixels, int width, int pitch, int height, int format, int flags);

    [LibraryImport(Library)] public static partial ScalingFactor* tjGetScalingFactors(out int count);
    [LibraryImport(Library)] public static partial nint tjGetErrorStr2(nint handle);
    [LibraryImport(Library)] public static partial int tjGetErrorCode(nint handle);

    /// <summary>A size at which the decoder can stop; layout of <c>tjscalingfactor</c>.</summary>
    [StructLayout(LayoutKind.Sequential)]
    internal struct ScalingFactor
    {
        public int Numerator;
        public int Denominator;

        /// <summary>Of a width or height; rounds up, as the library does.</summary>
        public readonly int Of(int size) => (int)(((long)size * Numerator + Denominator - 1) / Denominator);
    }
}
