using System.Runtime.InteropServices;
using ConvexWeb.Training.Native;

namespace ConvexWeb.Training.Datasets;

/// <summary>
/// Decodes image files to squares uint8 [3, S, S]; one for each thread. JPEGs are decoded by libjpeg-turbo at the smallest of its sizes (eighths) that is not
/// below S on the short side, which leaves most of the work out; <see cref="SquareResampler"/> does the rest. Grey becomes RGB, and so does CMYK; a PNG
/// under a JPEG's name, of which ImageNet has one, is read too.
/// </summary>
internal sealed unsafe class ImageDecoder : IDisposable
{
    // Of one file; a claim beyond it is a mistake or an attack.
    private const long MostPixels = 200_000_000;

    private static readonly byte[] StartOfScan = [0xFF, 0xDA], EndOfImage = [0xFF, 0xD9];

    private readonly nint handle;
    private readonly int side;
    private readonly SquareResampler resampler;
    private readonly TurboJpeg.ScalingFactor[] factors;
    private byte[] file = new byte[1 << 18];
    private byte[] pixels = [];

    public ImageDecoder(int side)
    {
        this.side = side;
        resampler = new(side);
        try
        {
            handle = TurboJpeg.tjInitDecompress();
            var known = new ReadOnlySpan<TurboJpeg.ScalingFactor>(TurboJpeg.tjGetScalingFactors(out var count), count);
            factors = [.. known.ToArray().Where(f => f.Numerator <= f.Denominator).OrderBy(f => (double)f.Numerator / f.Denominator)];
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            throw new DatasetException("libturbojpeg.so.0, which decodes JPEG files, is missing: install Debian's package libturbojpeg0 (apt-get install libturbojpeg0).", e);
        }
        if (handle == 0) throw new DatasetException($"libturbojpeg cannot start a decoder: {Marshal.PtrToStringUTF8(TurboJpeg.tjGetErrorStr2(0))}.");
    }

    /// <summary>Decodes a file into <paramref name="square"/>; returns what the decoder had to remark, or null.</summary>
    /// <exception cref="DatasetException">The file is cut short or no image; the message names it.</exception>
    public string? Decode(string path, Span<byte> square)
    {
        var data = Load(path);
        try
        {
            return data switch
            {
                [0xFF, 0xD8, ..] => Jpeg(data, square),
                [0x89, (byte)'P', (byte)'N', (byte)'G', ..] => Png(data, square),
                [] => throw new InvalidDataException("it is empty"),
                _ => throw new InvalidDataException("it is neither a JPEG nor a PNG"),
            };
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new DatasetException($"{path} cannot be decoded ({e.Message.TrimEnd('.')}); replace it or take it away.", e);
        }
    }

    private ReadOnlySpan<byte> Load(string path)
    {
        using var input = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var length = RandomAccess.GetLength(input);
        if (length > 1 << 30) throw new DatasetException($"{path} has {length:N0} bytes, which is no image; take it away.");
        if (file.Length < length) file = new byte[length * 3 / 2];
        var have = 0;
        while (have < length && RandomAccess.Read(input, file.AsSpan(have, (int)length - have), have) is > 0 and var read) have += read;
        return file.AsSpan(0, have);
    }

    private string? Jpeg(ReadOnlySpan<byte> data, Span<byte> square)
    {
        fixed (byte* bytes = data)
        {
            var status = TurboJpeg.tjDecompressHeader3(handle, bytes, (nuint)data.Length, out var width, out var height, out _, out var colours);
            // Of an unusual subsampling the call complains after it has found all that is needed here.
            if (width < 1 || height < 1 || colours < 0) throw new InvalidDataException(status == 0 ? "it has no pixels" : Error());
            if ((long)width * height > MostPixels) throw new InvalidDataException($"it claims {width} × {height} pixels");

            var factor = factors[^1];
            foreach (var smaller in factors)
            {
                if (smaller.Of(Math.Min(width, height)) < side) continue;
                factor = smaller;
                break;
            }
            var (w, h) = (factor.Of(width), factor.Of(height));
            var cmyk = colours is TurboJpeg.ColourCmyk or TurboJpeg.ColourYcck;
            var needed = (cmyk ? 4 : 3) * w * h;
            if (pixels.Length < needed) pixels = new byte[needed];
            string? remark = null;
            fixed (byte* to = pixels)
            {
                status = TurboJpeg.tjDecompress2(handle, bytes, (nuint)data.Length, to, w, 0, h, cmyk ? TurboJpeg.PixelsCmyk : TurboJpeg.PixelsRgb, TurboJpeg.LimitScans);
                if (status != 0)
                {
                    remark = Error();
                    // Bytes too many between segments lose nothing, and a broken stretch loses little; a file that is cut short has lost who knows how much.
                    if (TurboJpeg.tjGetErrorCode(handle) != TurboJpeg.Warning || !HasEnd(data)) throw new InvalidDataException(remark);
                }
            }
            if (cmyk) ToRgb(pixels.AsSpan(0, needed), inverted: HasAdobeMarker(data));
            resampler.Resample(pixels, w, h, new(width, height), (double)factor.Numerator / factor.Denominator, square);
            return remark;
        }
    }

    private string? Png(ReadOnlySpan<byte> data, Span<byte> square)
    {
        var image = PngImage.Read(data.ToArray(), MostPixels);
        resampler.Resample(image.Rgb, image.Width, image.Height, new(image.Width, image.Height), 1, square);
        return "it is a PNG";
    }

    private string Error() => Marshal.PtrToStringUTF8(TurboJpeg.tjGetErrorStr2(handle)) ?? "unknown error";

    // Ink takes light away: each channel is what its own ink and black let through. Adobe's programs store the light, all others the ink.
    private static void ToRgb(Span<byte> pixels, bool inverted)
    {
        for (int from = 0, to = 0; from < pixels.Length; from += 4, to += 3)
        {
            var light = inverted ? pixels[from + 3] : 255 - pixels[from + 3];
            for (var c = 0; c < 3; c++) pixels[to + c] = (byte)(((inverted ? pixels[from + c] : 255 - pixels[from + c]) * light + 127) / 255);
        }
    }

    // The marker of the end after that of the last scan: a preview within the file has its own end before.
    private static bool HasEnd(ReadOnlySpan<byte> data) => data.LastIndexOf(EndOfImage) > data.LastIndexOf(StartOfScan);

    // Segments up to the first scan: FF, kind, two bytes of length that count themselves.
    private static bool HasAdobeMarker(ReadOnlySpan<byte> data)
    {
        for (var at = 2; at + 9 < data.Length && data[at] == 0xFF && data[at + 1] != 0xDA; at += 2 + (data[at + 2] << 8 | data[at + 3]))
            if (data[at + 1] == 0xEE && data.Slice(at + 4, 5).SequenceEqual("Adobe"u8)) return true;
        return false;
    }

    public void Dispose() => _ = TurboJpeg.tjDestroy(handle);
}
