using System.Reflection;
using TorchSharp.Modules;

namespace TorchSharp
{
    public static partial class torch
    {
        public static partial class nn
        {
            /// <summary>A part of a network: parameters, buffers and sub-modules under PyTorch's <c>state_dict</c> names.</summary>
            public class Module : IDisposable
            {
                private readonly string name;
                private readonly List<(string Name, Parameter Value)> ownParameters = [];
                private readonly List<(string Name, Tensor Value, bool Persistent)> ownBuffers = [];
                private readonly List<(string Name, Module Value)> ownModules = [];

                protected Module(string name) => this.name = name;

                public string GetName() => name;

                public virtual bool training { get; private set; } = true;

                public virtual void train(bool train = true)
                {
                    training = train;
                    foreach (var (_, child) in ownModules) child.train(train);
                }

                public virtual void eval() => train(false);

                public virtual void register_parameter(string name, Parameter param)
                {
                    param.DetachFromDisposeScope();
                    ownParameters.Add((name, param));
                }

                public virtual void register_buffer(string name, Tensor tensor, bool persistent = true)
                {
                    tensor.DetachFromDisposeScope();
                    ownBuffers.Add((name, tensor, persistent));
                }

                public virtual void register_module(string name, Module submodule) => ownModules.Add((name, submodule));

                public void add_module(string name, Module module) => register_module(name, module);

                /// <summary>Registers every field that is a module, parameter or tensor and not yet registered, under the field's name.</summary>
                protected virtual void RegisterComponents()
                {
                    foreach (var field in GetType().GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly))
                    {
                        switch (field.GetValue(this))
                        {
                            case Module module when !ownModules.Any(m => ReferenceEquals(m.Value, module)): register_module(field.Name, module); break;
                            case Modules.Parameter parameter when !ownParameters.Any(p => ReferenceEquals(p.Value, parameter)): register_parameter(field.Name, parameter); break;
                            case Tensor tensor when tensor is not Modules.Parameter && !ownBuffers.Any(b => ReferenceEquals(b.Value, tensor)): register_buffer(field.Name, tensor); break;
                        }
                    }
                }

                public IEnumerable<(string name, Module module)> named_children() => ownModules.Select(m => (m.Name, m.Value));

                public IEnumerable<Module> children() => ownModules.Select(m => m.Value);

                /// <summary>All modules below this one, itself left out, with their dotted names.</summary>
                public IEnumerable<(string name, Module module)> named_modules()
                    => ownModules.SelectMany(m => m.Value.named_modules().Select(inner => ($"{m.Name}.{inner.name}", inner.module)).Prepend((m.Name, m.Value)));

                public IEnumerable<Module> modules() => named_modules().Select(m => m.module);

                public virtual IEnumerable<(string name, Parameter parameter)> named_parameters(bool recurse = true)
                    => ownParameters.Select(p => (p.Name, p.Value))
                        .Concat(recurse ? ownModules.SelectMany(m => m.Value.named_parameters().Select(p => ($"{m.Name}.{p.name}", p.parameter))) : []);

                public virtual IEnumerable<Parameter> parameters(bool recurse = true) => named_parameters(recurse).Select(p => p.parameter);

                public virtual IEnumerable<(string name, Tensor buffer)> named_buffers(bool recurse = true, bool include_nonpersistent = true)
                    => ownBuffers.Where(b => b.Persistent || include_nonpersistent).Select(b => (b.Name, b.Value))
                        .Concat(recurse ? ownModules.SelectMany(m => m.Value.named_buffers(true, include_nonpersistent).Select(b => ($"{m.Name}.{b.name}", b.buffer))) : []);

                public virtual IEnumerable<Tensor> buffers(bool recurse = true, bool include_nonpersistent = true)
                    => named_buffers(recurse, include_nonpersistent).Select(b => b.buffer);

                /// <summary>Parameters and persistent buffers by name; the tensors themselves, not copies.</summary>
                public virtual Dictionary<string, Tensor> state_dict(Dictionary<string, Tensor>? destination = null, string? prefix = null)
                {
                    destination ??= [];
                    foreach (var (key, parameter) in named_parameters()) destination[prefix is null ? key : $"{prefix}.{key}"] = parameter;
                    foreach (var (key, buffer) in named_buffers(true, false)) destination[prefix is null ? key : $"{prefix}.{key}"] = buffer;
                    return destination;
                }

                public virtual void zero_grad(bool set_to_none = true)
                {
                    foreach (var parameter in parameters())
                    {
                        if (set_to_none) parameter.grad = null;
                        else
                        {
                            using var grad = parameter.grad;
                            grad?.zero_();
                        }
                    }
                }

                internal void MoveTo(Device? device, ScalarType? type)
                {
                    using var quiet = no_grad();
                    using var scope = NewDisposeScope();
                    foreach (var (_, parameter) in ownParameters) parameter.Adopt(Converted(parameter, device, type));
                    foreach (var (_, buffer, _) in ownBuffers) buffer.Adopt(Converted(buffer, device, IsFloating(buffer) ? type : null));
                    foreach (var (_, child) in ownModules) child.MoveTo(device, type);
                }

                private static Tensor Converted(Tensor tensor, Device? device, ScalarType? type) => tensor.detach().to(type ?? tensor.dtype, device ?? tensor.device);

                private static bool IsFloating(Tensor tensor) => tensor.dtype is ScalarType.Float32 or ScalarType.Float64 or ScalarType.Float16 or ScalarType.BFloat16;

                public void Dispose()
                {
                    Dispose(true);
                    GC.SuppressFinalize(this);
                }

                protected virtual void Dispose(bool disposing)
                {
                    if (!disposing) return;
                    foreach (var (_, parameter) in ownParameters) parameter.Dispose();
                    foreach (var (_, buffer, _) in ownBuffers) buffer.Dispose();
                    foreach (var (_, child) in ownModules) child.Dispose();
                }
            }

            /// <summary>A module with one input.</summary>
            public abstract class Module<T, TResult> : Module
            {
                protected Module(string name) : base(name)
                {
                }

                public abstract TResult forward(T input);

                public TResult call(T input) => forward(input);
            }

            public static Parameter Parameter(Tensor data, bool requires_grad = true) => new(data, requires_grad);
        }
    }

    /// <summary>Moves and conversions of whole modules.</summary>
    public static class ModuleExtensionMethods
    {
        public static T to<T>(this T module, torch.Device device, bool non_blocking = false) where T : torch.nn.Module
        {
            module.MoveTo(device, null);
            return module;
        }

        public static T to<T>(this T module, torch.ScalarType type, bool non_blocking = false) where T : torch.nn.Module
        {
            module.MoveTo(null, type);
            return module;
        }
    }
}

namespace TorchSharp.Modules
{
    /// <summary>A tensor that a module trains.</summary>
    public sealed class Parameter : torch.Tensor
    {
        public Parameter(torch.Tensor data, bool requires_grad = true) : base(Take(data)) => this.requires_grad = requires_grad;
    }
}
