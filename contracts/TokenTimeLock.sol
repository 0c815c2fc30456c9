// SPDX-License-Identifier: MIT
pragma solidity 0.8.28;

/// Hash time locks for tokens (ERC-20).
///
/// HashTimeLock for value that is a token: the ABI is ERC20Swap's, stricter in the same places, and `Settled` names
/// the key. Tokens come by transferFrom: the sender approves this contract first. What a token does is believed only
/// as far as it can be checked: after a lock the contract must hold exactly the amount more than before, so one that
/// takes a fee on the way, or that calls back in the middle, is refused.
///
/// Invariants: of each honest token the balance is at least the sum of its open swaps' amounts. The state of a key
/// only grows: None, Open, then Claimed or Refunded. It changes before tokens move. An approval is of use to nobody
/// but the account that gave it: only its own locks take from it. Nobody owns the contract and nothing in it can be
/// changed.
///
/// No immutables and no constructor: the runtime code, and with it its hash, is the same wherever it is deployed.
contract TokenTimeLock {
    enum State {
        None,
        Open,
        Claimed,
        Refunded
    }

    /// Not a version of ERC20Swap: those count from 1.
    uint8 public constant version = 101;

    /// keccak256(abi.encode(preimageHash, amount, tokenAddress, claimAddress, refundAddress, timelock))
    mapping(bytes32 key => State) public states;

    event Lockup(
        bytes32 indexed preimageHash,
        uint256 amount,
        address tokenAddress,
        address claimAddress,
        address indexed refundAddress,
        uint256 timelock
    );
    event Claim(bytes32 indexed preimageHash, bytes32 preimage);
    event Refund(bytes32 indexed preimageHash);
    /// Beside each Claim (claimed) and each Refund (not claimed): which swap it was.
    event Settled(bytes32 indexed key, bytes32 indexed preimageHash, bool claimed);

    error AmountZero();
    error ClaimAddressZero();
    error TimelockNotInFuture();
    error SwapAlreadyExists();
    error SwapNotFound();
    error SwapNotTimedOut();
    error TransferFailed();

    /// Lock tokens of the sender for whoever knows the preimage of SHA-256, to be paid to claimAddress; from block
    /// `timelock` on the sender can have them back. A claim stays possible until then and after, as long as it is not
    /// refunded.
    function lock(
        bytes32 preimageHash,
        uint256 amount,
        address tokenAddress,
        address claimAddress,
        uint256 timelock
    ) external {
        require(amount != 0, AmountZero());
        require(claimAddress != address(0), ClaimAddressZero());
        require(timelock > block.number, TimelockNotInFuture());
        bytes32 key = hashValues(preimageHash, amount, tokenAddress, claimAddress, msg.sender, timelock);
        require(states[key] == State.None, SwapAlreadyExists());
        states[key] = State.Open;
        emit Lockup(preimageHash, amount, tokenAddress, claimAddress, msg.sender, timelock);
        uint256 before = held(tokenAddress);
        // transferFrom(address,address,uint256)
        move(tokenAddress, abi.encodeWithSelector(0x23b872dd, msg.sender, address(this), amount));
        require(held(tokenAddress) == before + amount, TransferFailed());
    }

    /// The claim of the recorded claim address itself.
    function claim(
        bytes32 preimage,
        uint256 amount,
        address tokenAddress,
        address refundAddress,
        uint256 timelock
    ) external {
        claim(preimage, amount, tokenAddress, msg.sender, refundAddress, timelock);
    }

    /// Anybody may call; the recorded claim address is paid.
    function claim(
        bytes32 preimage,
        uint256 amount,
        address tokenAddress,
        address claimAddress,
        address refundAddress,
        uint256 timelock
    ) public {
        bytes32 preimageHash = sha256(abi.encodePacked(preimage));
        bytes32 key = hashValues(preimageHash, amount, tokenAddress, claimAddress, refundAddress, timelock);
        require(states[key] == State.Open, SwapNotFound());
        states[key] = State.Claimed;
        emit Claim(preimageHash, preimage);
        emit Settled(key, preimageHash, true);
        pay(tokenAddress, claimAddress, amount);
    }

    /// The refund of the recorded refund address itself.
    function refund(
        bytes32 preimageHash,
        uint256 amount,
        address tokenAddress,
        address claimAddress,
        uint256 timelock
    ) external {
        refund(preimageHash, amount, tokenAddress, claimAddress, msg.sender, timelock);
    }

    /// Anybody may call; the recorded refund address is paid.
    function refund(
        bytes32 preimageHash,
        uint256 amount,
        address tokenAddress,
        address claimAddress,
        address refundAddress,
        uint256 timelock
    ) public {
        require(timelock <= block.number, SwapNotTimedOut());
        bytes32 key = hashValues(preimageHash, amount, tokenAddress, claimAddress, refundAddress, timelock);
        require(states[key] == State.Open, SwapNotFound());
        states[key] = State.Refunded;
        emit Refund(preimageHash);
        emit Settled(key, preimageHash, false);
        pay(tokenAddress, refundAddress, amount);
    }

    /// The swap is open: locked, and neither claimed nor refunded.
    function swaps(bytes32 key) external view returns (bool) {
        return states[key] == State.Open;
    }

    /// The key of a swap.
    function hashValues(
        bytes32 preimageHash,
        uint256 amount,
        address tokenAddress,
        address claimAddress,
        address refundAddress,
        uint256 timelock
    ) public pure returns (bytes32) {
        return keccak256(abi.encode(preimageHash, amount, tokenAddress, claimAddress, refundAddress, timelock));
    }

    function pay(address tokenAddress, address to, uint256 amount) private {
        // transfer(address,uint256)
        move(tokenAddress, abi.encodeWithSelector(0xa9059cbb, to, amount));
    }

    /// A call of the token's that moves something: it says true, or, as some do, nothing at all.
    function move(address tokenAddress, bytes memory call) private {
        require(tokenAddress.code.length != 0, TransferFailed());
        (bool ok, bytes memory answer) = tokenAddress.call(call);
        require(ok && (answer.length == 0 || abi.decode(answer, (bool))), TransferFailed());
    }

    /// What the contract has of a token. balanceOf(address)
    function held(address tokenAddress) private view returns (uint256) {
        (bool ok, bytes memory answer) = tokenAddress.staticcall(abi.encodeWithSelector(0x70a08231, address(this)));
        require(ok && answer.length == 32, TransferFailed());
        return abi.decode(answer, (uint256));
    }
}
