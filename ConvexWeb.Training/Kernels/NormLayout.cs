namespace ConvexWeb.Training.Kernels;

/// <summary>How the elements of a batch lie in memory, for a kernel that works by channel.</summary>
internal enum NormLayout
{
    /// <summary>[N, C, places]: the places of a channel are neighbours.</summary>
    Planes,

    /// <summary>[rows, C], as pixels of images with their channels last: threads share the rows.</summary>
    Pixels,
}
