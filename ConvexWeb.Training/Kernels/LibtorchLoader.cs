using System.Buffers.Binary;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Loader;
using System.Text;

namespace ConvexWeb.Training.Kernels;

/// <summary>
/// Loads TorchSharp's native library on systems whose C++ library is older than GCC 13's, such as Debian 12. There the dynamic loader
/// refuses libLibTorchSharp.so because it names the symbol version GLIBCXX_3.4.32. That version is only a link-time marker of GCC 13's
/// iostream header: no relocation uses it. So the file is read into memory, the version is marked as weak (optional), and the copy is
/// loaded. Nothing is written to a disk, and where the ordinary load succeeds the runtime never asks.
/// </summary>
internal static partial class LibtorchLoader
{
    private const string Marker = "GLIBCXX_3.4.32";

    // Fields of ELF64 (elf(5)) that are read below.
    private const int SectionTableAt = 0x28, SectionSizeAt = 0x3A, SectionCountAt = 0x3C;
    private const uint VersionNeeds = 0x6ffffffe; // SHT_GNU_verneed
    private const ushort Weak = 2; // VER_FLG_WEAK

    // Before any code of this assembly runs, so that it stands before TorchSharp's first attempt.
#pragma warning disable CA2255 // The assembly is a program of its own.
    [ModuleInitializer]
    internal static void Register() => AssemblyLoadContext.Default.ResolvingUnmanagedDll += Resolve;
#pragma warning restore CA2255

    private static nint Resolve(Assembly assembly, string name)
    {
        if (!OperatingSystem.IsLinux() || name != "LibTorchSharp" || Find("libLibTorchSharp.so") is not { } path) return 0;
        if (NativeLibrary.TryLoad(path, out var whole)) return whole;
        // Its dependencies by their full names first: a library in memory has no folder in which the loader would look for them.
        if (Find("libtorch.so") is not { } torch || !NativeLibrary.TryLoad(torch, out _)) return 0;
        var image = File.ReadAllBytes(path);
        return MakeOptional(image, Marker) ? LoadFromMemory(image) : 0;
    }

    private static string? Find(string file)
    {
        var searched = AppContext.GetData("NATIVE_DLL_SEARCH_DIRECTORIES") as string ?? "";
        var folders = searched.Split(':', StringSplitOptions.RemoveEmptyEntries);
        return folders.Append(AppContext.BaseDirectory).Select(folder => Path.Combine(folder, file)).FirstOrDefault(File.Exists);
    }

    /// <summary>
    /// Marks one needed symbol version of an ELF64 little-endian library as weak;
    /// false where the library does not need it.
    /// </summary>
    internal static bool MakeOptional(Span<byte> image, string version)
    {
        var (sections, size) = ((int)Long(image, SectionTableAt), Short(image, SectionSizeAt));
        for (var s = 0; s < Short(image, SectionCountAt); s++)
        {
            var section = image[(sections + s * size)..];
            if (Int(section, 4) != VersionNeeds) continue;
            var strings = (int)Long(image[(sections + (int)Int(section, 40) * size)..], 24); // of the linked string table
            var need = (int)Long(section, 24);
            while (true)
            {
                var entry = need + (int)Int(image, need + 8);
                for (var i = 0; i < Short(image, need + 2); i++)
                {
                    if (TextAt(image, strings + (int)Int(image, entry + 8)) == version)
                    {
                        BinaryPrimitives.WriteUInt16LittleEndian(image[(entry + 4)..], (ushort)(Short(image, entry + 4) | Weak));
                        return true;
                    }
                    entry += (int)Int(image, entry + 12);
                }
                if (Int(image, need + 12) == 0) break;
                need += (int)Int(image, need + 12);
            }
        }
        return false;
    }

    private static ushort Short(ReadOnlySpan<byte> image, int at) => BinaryPrimitives.ReadUInt16LittleEndian(image[at..]);

    private static uint Int(ReadOnlySpan<byte> image, int at) => BinaryPrimitives.ReadUInt32LittleEndian(image[at..]);

    private static ulong Long(ReadOnlySpan<byte> image, int at) => BinaryPrimitives.ReadUInt64LittleEndian(image[at..]);

    private static string TextAt(ReadOnlySpan<byte> image, int at)
        => Encoding.ASCII.GetString(image[at..(at + image[at..].IndexOf((byte)0))]);

    private static nint LoadFromMemory(byte[] image)
    {
        var descriptor = MemoryFile("LibTorchSharp", 0);
        if (descriptor < 0) return 0;
        using var handle = new Microsoft.Win32.SafeHandles.SafeFileHandle(descriptor, ownsHandle: true);
        RandomAccess.Write(handle, image, 0);
        return NativeLibrary.TryLoad($"/proc/self/fd/{descriptor}", out var library) ? library : 0;
    }

    /// <summary>memfd_create(2): an unnamed file in memory.</summary>
    [LibraryImport("libc", EntryPoint = "memfd_create", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemoryFile(string name, uint flags);
}
