using System.Runtime.CompilerServices;

namespace ConvexWeb.Tests.Support;

/// <summary>
/// A test may use TorchSharp before any code of ConvexWeb.Training has run, and with it the loader of its native library.
/// </summary>
internal static class TensorLibraryStart
{
#pragma warning disable CA2255 // The tests are a program of their own.
    [ModuleInitializer]
    internal static void Run() => RuntimeHelpers.RunModuleConstructor(typeof(ConvexWeb.Training.Specs.Spec).Module.ModuleHandle);
#pragma warning restore CA2255
}
