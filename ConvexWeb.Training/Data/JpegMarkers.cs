using System.Runtime.CompilerServices;

namespace ConvexWeb.Training.Data;

/// <summary>
/// Walks the markers of a JPEG file (ITU-T T.81, annex B) without decoding it, since Skia does not report libjpeg's warnings. It
/// finds bytes between segments, markers that do not belong into a scan, and a missing end.
/// </summary>
internal static class JpegMarkers
{
    private const byte Temporary = 0x01, FirstRestart = 0xD0, LastRestart = 0xD7, Start = 0xD8, End = 0xD9, Scan = 0xDA;
    private const byte RestartInterval = 0xDD;

    private static readonly byte[] ScanBytes = [0xFF, Scan], EndBytes = [0xFF, End];

    /// <summary>Whether the file has its end marker, how many scans it has, and the first irregularity if there is one.</summary>
    public static (bool Ends, int Scans, string? Remark) Walk(ReadOnlySpan<byte> data)
    {
        string? remark = null;
        var scans = 0;
        var restarts = false;
        for (var at = 2; ;)
        {
            var skipped = data[at..].IndexOf((byte)0xFF);
            if (skipped != 0) remark ??= $"bytes that belong to no segment at {at:N0}";
            if (skipped < 0) break;
            at += skipped;
            while (at < data.Length && data[at] == 0xFF) at++;
            if (at == data.Length) break;
            var kind = data[at++];
            if (kind == End) return (true, scans, remark);
            if (kind is Temporary or (>= FirstRestart and <= Start)) continue;
            if (kind < 0xC0)
            {
                remark ??= $"unknown marker {kind:X2} at {at:N0}";
                continue;
            }

            // A segment: two bytes of length, which count themselves.
            var length = at + 2 <= data.Length ? data[at] << 8 | data[at + 1] : 0;
            if (length < 2 || at + length > data.Length)
            {
                remark ??= $"a segment without its end at {at:N0}";
                break;
            }
            if (kind == RestartInterval && length >= 4) restarts = (data[at + 2] | data[at + 3]) != 0;
            at += length;
            if (kind == Scan) scans++;
            if (kind == Scan && !SkipScan(data, restarts, ref at, ref remark)) break;
        }
        // The walk lost its way: an end after the last scan will do. A preview inside the file has its own end before.
        return (remark is not null && data.LastIndexOf(EndBytes) > data.LastIndexOf(ScanBytes), scans, remark);
    }

    // Moves to the marker after a scan's data, in which FF 00 is the byte FF and restart markers count from 0 to 7. False at the
    // end of the file.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool SkipScan(ReadOnlySpan<byte> data, bool restarts, ref int at, ref string? remark)
    {
        for (var count = 0; ;)
        {
            var next = data[at..].IndexOf((byte)0xFF);
            if (next < 0) return false;
            var from = at += next;
            while (at < data.Length && data[at] == 0xFF) at++;
            if (at == data.Length) return false;
            var kind = data[at++];
            var regular = kind switch
            {
                0 => at - from == 2,
                >= FirstRestart and <= LastRestart => restarts && kind - FirstRestart == count++ % 8,
                // Tables, a number of lines, application data or a comment between two scans, or the next scan.
                0xC4 or 0xDB or 0xDC or RestartInterval or Scan or End or 0xFE or (>= 0xE0 and <= 0xEF) => true,
                _ => false,
            };
            if (!regular) remark ??= $"damaged data at {from:N0}";
            else if (kind is not (0 or (>= FirstRestart and <= LastRestart)))
            {
                at = from;
                return true;
            }
        }
    }
}
