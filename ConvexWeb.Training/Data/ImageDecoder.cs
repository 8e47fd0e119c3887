using ConvexWeb.Training.Files;
using SkiaSharp;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Decodes image files to squares uint8 [3, S, S]; one for each thread. JPEGs are decoded by Skia's libjpeg-turbo at the smallest
/// of its sizes (eighths) that is not below S on the short side, which saves most of the work; <see cref="SquareResampler"/> does
/// the rest. As in torchvision's ImageFolder, grey and CMYK become RGB, colour profiles and EXIF orientation are ignored, and a PNG
/// under a JPEG's name, of which ImageNet has one, is read too.
/// </summary>
internal sealed unsafe class ImageDecoder
{
    // Of one file; a claim beyond it is a mistake or an attack. A PNG is decoded at its full size, four bytes a pixel.
    private const long MostPixels = 200_000_000, MostPngPixels = 50_000_000;

    // Each scan of a progressive JPEG goes over all pixels again; usual are ten.
    private const long MostPixelScans = 2_000_000_000;

    // Of one with several scans all coefficients are held: two bytes for each of up to four components of a pixel.
    private const long MostScannedPixels = 50_000_000;

    private readonly int side;
    private readonly SquareResampler resampler;
    private byte[] file = new byte[1 << 18];
    private byte[] pixels = [];

    public ImageDecoder(int side)
    {
        this.side = side;
        resampler = new(side);
        try
        {
            SkiaSharpVersion.CheckNativeLibraryCompatible(throwIfIncompatible: true);
        }
        catch (Exception e)
            when (e is DllNotFoundException or TypeInitializationException or EntryPointNotFoundException or InvalidOperationException)
        {
            var reason = (e.InnerException ?? e).Message.ReplaceLineEndings(" ").TrimEnd('.', ' ');
            throw new DatasetException(
                $"libSkiaSharp.so, which decodes JPEG files and comes with the trainer, cannot be loaded: {reason}.", e);
        }
    }

    /// <summary>Decodes a file into <paramref name="square"/>; returns a remark about a slightly damaged file, or null.</summary>
    /// <exception cref="DatasetException">The file is cut short or no image; the message names it.</exception>
    public string? Decode(string path, Span<byte> square)
    {
        try
        {
            var length = Load(path);
            return file.AsSpan(0, length) switch
            {
                [0xFF, 0xD8, ..] => Jpeg(length, square),
                [0x89, (byte)'P', (byte)'N', (byte)'G', ..] => Png(length, square),
                _ => throw new InvalidDataException("it is neither a JPEG nor a PNG"),
            };
        }
        catch (Exception e) when (e is InvalidDataException or EndOfStreamException)
        {
            throw new DatasetException($"{path} cannot be decoded ({e.Message.TrimEnd('.')}); replace it or take it away.", e);
        }
    }

    private int Load(string path)
    {
        if (!RegularFile.Is(path)) throw new InvalidDataException("it is empty or not a regular file");
        using var input = File.OpenHandle(path, options: FileOptions.SequentialScan);
        var length = RandomAccess.GetLength(input);
        if (length > 1 << 30) throw new InvalidDataException($"it has {length:N0} bytes, more than an image takes");
        if (file.Length < length) file = new byte[length * 3 / 2];
        var have = 0;
        while (have < length && RandomAccess.Read(input, file.AsSpan(have, (int)length - have), have) is > 0 and var read) have += read;
        return have;
    }

    private string? Jpeg(int length, Span<byte> square)
    {
        var (ends, scans, remark) = JpegMarkers.Walk(file.AsSpan(0, length));
        fixed (byte* bytes = file)
        {
            using var data = SKData.Create((nint)bytes, length);
            using var codec = SKCodec.Create(data);
            if (codec is not { EncodedFormat: SKEncodedImageFormat.Jpeg }) throw new InvalidDataException("its JPEG header is damaged");
            var (width, height) = (codec.Info.Width, codec.Info.Height);
            if ((long)width * height > MostPixels) throw new InvalidDataException($"it claims {width} × {height} pixels");
            if (scans > 1 && (long)width * height > MostScannedPixels)
                throw new InvalidDataException($"it has {width} × {height} pixels in {scans:N0} scans");
            if ((long)width * height * scans > MostPixelScans)
                throw new InvalidDataException($"it goes over {width} × {height} pixels in {scans:N0} scans");

            var eighths = 1;
            while (eighths < 8 && Scaled(Math.Min(width, height)) < side) eighths++;
            var (w, h) = (Scaled(width), Scaled(height));
            if (pixels.Length < 4L * w * h) pixels = new byte[4L * w * h];
            var target = new SKImageInfo(w, h, SKColorType.Rgba8888, SKAlphaType.Opaque, null);
            SKCodecResult result;
            // No colour space: the values are those of the file, whatever profile it carries.
            fixed (byte* to = pixels) result = codec.GetPixels(target, (nint)to, 4 * w, default);

            // Bytes too many between segments lose nothing, and a damaged stretch loses little; how much a file that is cut short
            // has lost is unknown.
            if (!ends) throw new InvalidDataException("it is cut short");
            if (result is not (SKCodecResult.Success or SKCodecResult.IncompleteInput))
                throw new InvalidDataException($"its data are damaged: {result}");
            if (result == SKCodecResult.IncompleteInput) remark ??= "its data end early";
            resampler.Resample(pixels, w, h, new(width, height), eighths / 8.0, square);
            return remark;

            int Scaled(int size) => (int)(((long)size * eighths + 7) / 8);
        }
    }

    private string? Png(int length, Span<byte> square)
    {
        var image = PngImage.Read(file.AsMemory(0, length), MostPngPixels);
        resampler.Resample(image.Pixels, image.Width, image.Height, new(image.Width, image.Height), 1, square);
        return "it is a PNG";
    }
}
