using System.Security.Cryptography;
using System.Text;
using Grpc.Core;
using Grpc.Core.Interceptors;

namespace Orchestrator.Collectives.Wire;

/// <summary>Refuses every call that does not bring the run's shared secret.</summary>
internal sealed class TokenCheck(string token) : Interceptor
{
    public const string Key = "authorization";

    private readonly byte[] _expected = SHA256.HashData(Encoding.UTF8.GetBytes(Value(token)));

    public static string Value(string token) => "Bearer " + token;

    public static Metadata Headers(string token) => token.Length == 0 ? [] : new Metadata { { Key, Value(token) } };

    public override Task<TResponse> UnaryServerHandler<TRequest, TResponse>(
        TRequest request, ServerCallContext context, UnaryServerMethod<TRequest, TResponse> continuation)
    {
        Check(context);
        return continuation(request, context);
    }

    public override Task ServerStreamingServerHandler<TRequest, TResponse>(
        TRequest request, IServerStreamWriter<TResponse> responseStream, ServerCallContext context, ServerStreamingServerMethod<TRequest, TResponse> continuation)
    {
        Check(context);
        return continuation(request, responseStream, context);
    }

    private void Check(ServerCallContext context)
    {
        var brought = SHA256.HashData(Encoding.UTF8.GetBytes(context.RequestHeaders.GetValue(Key) ?? ""));
        if (token.Length > 0 && !CryptographicOperations.FixedTimeEquals(brought, _expected))
        {
            throw new RpcException(new Status(StatusCode.Unauthenticated, "The token is missing or not this run's: set the same token on all nodes."));
        }
    }
}
