{ SPDX-License-Identifier: MIT OR Apache-2.0

  The Offline State API of Microsoft Outlook, without Outlook, for Free Pascal and Delphi.

  First the interfaces and functions, as in mapioffline.h: old clients use these. Then TMapiProfile, which raises exceptions, and
  whose callbacks are methods. docs/pascal.md says more. Not affiliated with or endorsed by Microsoft. }
unit mapioffline;

{$ifdef FPC}
  {$mode delphi}
  {$interfaces com}
  {$packrecords c}
{$else}
  {$ALIGN 8}
{$endif}

interface

uses
  {$ifndef FPC}SyncObjs,{$endif}
  SysUtils, Classes;

const
  MAPIOFFLINE_FLAG_DEFAULT = 0;
  MAPIOFFLINE_FLAG_BLOCK = $2000;
  MAPIOFFLINE_STATE_OFFLINE_MASK = 3;
  MAPIOFFLINE_STATE_OFFLINE = 1;
  MAPIOFFLINE_STATE_ONLINE = 2;
  MAPIOFFLINE_STATE_ALL = $003F037F;
  MAPIOFFLINE_CAPABILITY_OFFLINE = 1;
  MAPIOFFLINE_CAPABILITY_ONLINE = 2;
  MAPIOFFLINE_ADVISE_DEFAULT = 0;
  MAPIOFFLINE_ADVISE_TYPE_STATECHANGE = 1;
  MAPIOFFLINE_CALLBACK_TYPE_NOTIFY = 0;
  MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START = 1;
  MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE = 2;
  MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE = 3;
  MAPIOFFLINE_DELIVERY_NOTIFIERS = 0;
  MAPIOFFLINE_DELIVERY_PUMPED = 1;

  GUID_GlobalState: TGUID = '{FBEFFD93-B11F-4094-842B-96DCD31E63D1}';

  MAPIOFFLINE_LIBRARY = {$ifdef MSWINDOWS}'mapioffline.dll'{$else}'mapioffline'{$endif};

type
  TMapiResult = LongInt;

  { MAPIOFFLINE_ADVISEINFO }
  TMapiAdviseInfo = record
    ulSize: Cardinal;
    ulClientToken: Cardinal;
    CallbackType: LongInt;
    { Not counted: AddRef is called on what its QueryInterface gives. }
    pCallback: Pointer;
    ulAdviseTypes: Cardinal;
    ulStateMask: Cardinal;
  end;

  { MAPIOFFLINE_NOTIFY }
  TMapiNotify = record
    ulSize: Cardinal;
    NotifyType: LongInt;
    ulClientToken: Cardinal;
    ulMask: Cardinal;
    ulStateOld: Cardinal;
    ulStateNew: Cardinal;
  end;
  PMapiNotify = ^TMapiNotify;

  { MAPIOFFLINE_CREATEINFO }
  TMapiCreateInfo = record
    ulSize: Cardinal;
    ulCreateFlags: Cardinal;
    pwszProfileName: Pointer;
    ulCapabilities: Cardinal;
    pGUID: PGUID;
    pInstance: PGUID;
    pParent: Pointer;
    pMAPISupport: Pointer;
    pAggregateInfo: Pointer;
    pConnectInfo: Pointer;
  end;

  IMAPIOffline = interface(IUnknown)
    ['{000672B5-0000-0000-C000-000000000046}']
    function SetCurrentState(ulFlags, ulMask, ulState: Cardinal; pReserved: Pointer): TMapiResult;
      {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function GetCapabilities(out ulCapabilities: Cardinal): TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function GetCurrentState(out ulState: Cardinal): TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function Placeholder1: TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
  end;

  IMAPIOfflineMgr = interface(IMAPIOffline)
    ['{42175607-FF3E-4790-BC18-66C8643E6424}']
    function Advise(ulFlags: Cardinal; var AdviseInfo: TMapiAdviseInfo; out ulToken: Cardinal): TMapiResult;
      {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function Unadvise(ulFlags, ulToken: Cardinal): TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function Placeholder2: TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function Placeholder3: TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function Placeholder4: TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function Placeholder5: TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function Placeholder6: TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function Placeholder7: TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
    function Placeholder8: TMapiResult; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
  end;

  IMAPIOfflineNotify = interface(IUnknown)
    ['{0317BDE5-FC29-44CD-8DCD-36125A3BE9EC}']
    procedure Notify(pNotifyInfo: PMapiNotify); {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
  end;

{ The library's functions. Names are UTF-8. Out interfaces are nil after a failure. }

function MapiOfflineOpenUtf8(ulReserved: Cardinal; pszProfileName: PAnsiChar; pGUID, pInstance: PGUID;
  out Offline: IMAPIOfflineMgr): TMapiResult;
  {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif}; external MAPIOFFLINE_LIBRARY;
function MapiOfflineCreateUtf8(ulFlags: Cardinal; var CreateInfo: TMapiCreateInfo; pszProfileName: PAnsiChar;
  out Offline: IMAPIOfflineMgr): TMapiResult;
  {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif}; external MAPIOFFLINE_LIBRARY;
function MapiOfflineVersionString: PAnsiChar; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif}; external MAPIOFFLINE_LIBRARY;
procedure MapiOfflineSetStrictHosting(fStrict: LongInt);
  {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif}; external MAPIOFFLINE_LIBRARY;
function MapiOfflineLiveObjects: Cardinal; {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif}; external MAPIOFFLINE_LIBRARY;
function MapiOfflineWaitUtf8(pszProfileName: PAnsiChar; ulState, ulMilliseconds: Cardinal): TMapiResult;
  {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif}; external MAPIOFFLINE_LIBRARY;
function MapiOfflineSettleUtf8(pszProfileName: PAnsiChar; ulMilliseconds: Cardinal; out ulPrograms: Cardinal): TMapiResult;
  {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif}; external MAPIOFFLINE_LIBRARY;
function MapiOfflineSetDelivery(ulDelivery: Cardinal): TMapiResult;
  {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif}; external MAPIOFFLINE_LIBRARY;
function MapiOfflineDispatch(ulMost, ulMilliseconds: Cardinal; out ulDispatched: Cardinal): TMapiResult;
  {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif}; external MAPIOFFLINE_LIBRARY;

type
  { The state of a profile }
  TMapiState = (msOffline, msOnline);
  { A part of a change. Every registration has returned from one before the next begins. }
  TMapiPhase = (mpStart, mpChange, mpDone);

  { A call failed: HResult is its code, and Name that in the reference, such as E_PENDING. }
  EMapiOffline = class(Exception)
  private
    FHResult: TMapiResult;
    FName: string;
  public
    constructor Create(AHResult: TMapiResult; const What: string);
    property HResult: TMapiResult read FHResult;
    property Name: string read FName;
  end;

  TMapiProfile = class;

  { What is called with each phase of each change. It runs on the thread that waits in SetState, and otherwise on one of the library's, or
    with MapiUsePump on the one that calls MapiPump. An exception that leaves it is passed to ApplicationHandleException and goes no
    further. }
  TMapiChangeEvent = procedure(Sender: TMapiProfile; Phase: TMapiPhase; OldState, NewState: TMapiState) of object;

  { The global object of a profile, which all programs of the user share. Free releases it, and ends its registrations: it waits for an event
    that runs on another thread, which therefore must not wait for the thread that frees. Methods may be called on any thread; Subscribe,
    Unsubscribe and Free by one at a time. }
  TMapiProfile = class
  private
    FManager: IMAPIOfflineMgr;
    FName: string;
    { The registrations: tokens, and in the same places their sinks. }
    FTokens: TList;
    FSinks: TInterfaceList;
    procedure EndAt(Index: Integer);
    function GetState: TMapiState;
    procedure Check(AHResult: TMapiResult);
  public
    { Opens it. Raises EMapiOffline: E_INVALIDARG (an empty name), MAPI_E_NOT_FOUND (longer than 64 UTF-16 units; or strict hosting, and no
      program has created it). }
    constructor Create(const AName: string);
    destructor Destroy; override;
    { Sets the state. Wait: callbacks run on this thread, and it returns when all have; never in a callback. Raises EMapiOffline: E_PENDING
      while a change is under way. }
    procedure SetState(State: TMapiState; Wait: Boolean = False);
    { Has Event called from now on. Returns what Unsubscribe takes. }
    function Subscribe(Event: TMapiChangeEvent): Cardinal;
    { Ends it: none runs on another thread when this has returned. Callable in the event itself, and several times. }
    procedure Unsubscribe(Token: Cardinal);
    property State: TMapiState read GetState;
    property Manager: IMAPIOfflineMgr read FManager;
    property Name: string read FName;
  end;

{ Waits until the profile is in the state in this process, and all callbacks have returned. Raises EMapiOffline: MAPI_E_TIMEOUT. }
procedure MapiWaitFor(const Profile: string; State: TMapiState; Milliseconds: Cardinal = 10000);
{ Has callbacks wait for MapiPump, as for a program with forms, which calls it in its own loop or on a timer. For changes from now on. }
procedure MapiUsePump;
{ Runs the callbacks that wait, and waits so long for the first one. Returns for how many changes. }
function MapiPump(Milliseconds: Cardinal = 0): Cardinal;
{ The name of a code in the reference, or its number. }
function MapiResultName(AHResult: TMapiResult): string;

implementation

const
  BITS: array[TMapiState] of Cardinal = (MAPIOFFLINE_STATE_OFFLINE, MAPIOFFLINE_STATE_ONLINE);

type
  TMapiLock = {$ifdef FPC}TRTLCriticalSection{$else}TCriticalSection{$endif};

  IMapiSink = interface(IMAPIOfflineNotify)
    ['{6A2B6F0E-5D0C-4C5B-9A43-0C2B4F1C7E11}']
    procedure Stop;
  end;

  TMapiSink = class(TInterfacedObject, IMAPIOfflineNotify, IMapiSink)
  private
    { Held while the event runs. The thread of the event may enter it again. }
    FLock: TMapiLock;
    FOwner: TMapiProfile;
    FEvent: TMapiChangeEvent;
    procedure Enter;
    procedure Leave;
  public
    constructor Create(Owner: TMapiProfile; Event: TMapiChangeEvent);
    destructor Destroy; override;
    procedure Stop;
    procedure Notify(pNotifyInfo: PMapiNotify); {$ifdef MSWINDOWS}stdcall{$else}cdecl{$endif};
  end;

function StateOf(Bits: Cardinal): TMapiState;
begin
  if Bits and MAPIOFFLINE_STATE_OFFLINE_MASK = MAPIOFFLINE_STATE_ONLINE then
    Result := msOnline
  else
    Result := msOffline;
end;

function Utf8(const Text: string): UTF8String;
begin
  {$if defined(FPC) and not defined(UNICODE)}
  { Its bytes as they are, which are UTF-8 in Lazarus. }
  SetLength(Result, Length(Text));
  if Text <> '' then
    Move(Text[1], Result[1], Length(Text));
  {$else}
  Result := UTF8Encode(Text);
  {$ifend}
end;

function MapiResultName(AHResult: TMapiResult): string;
begin
  case Cardinal(AHResult) of
    $80070057: Result := 'E_INVALIDARG';
    $80004002: Result := 'E_NOINTERFACE';
    $8000000A: Result := 'E_PENDING';
    $8007000E: Result := 'E_OUTOFMEMORY';
    $80004005: Result := 'E_FAIL';
    $8000FFFF: Result := 'E_UNEXPECTED';
    $80040106: Result := 'MAPI_E_UNKNOWN_FLAGS';
    $8004010F: Result := 'MAPI_E_NOT_FOUND';
    $80040102: Result := 'MAPI_E_NO_SUPPORT';
    $80040116: Result := 'MAPI_E_DISK_ERROR';
    $80040401: Result := 'MAPI_E_TIMEOUT';
  else
    Result := '0x' + IntToHex(Cardinal(AHResult), 8);
  end;
end;

constructor EMapiOffline.Create(AHResult: TMapiResult; const What: string);
begin
  FHResult := AHResult;
  FName := MapiResultName(AHResult);
  inherited Create(What + ': ' + FName);
end;

constructor TMapiSink.Create(Owner: TMapiProfile; Event: TMapiChangeEvent);
begin
  inherited Create;
  {$ifdef FPC}InitCriticalSection(FLock);{$else}FLock := TCriticalSection.Create;{$endif}
  FOwner := Owner;
  FEvent := Event;
end;

destructor TMapiSink.Destroy;
begin
  {$ifdef FPC}DoneCriticalSection(FLock);{$else}FLock.Free;{$endif}
  inherited Destroy;
end;

procedure TMapiSink.Enter;
begin
  {$ifdef FPC}EnterCriticalSection(FLock);{$else}FLock.Enter;{$endif}
end;

procedure TMapiSink.Leave;
begin
  {$ifdef FPC}LeaveCriticalSection(FLock);{$else}FLock.Leave;{$endif}
end;

procedure TMapiSink.Stop;
begin
  Enter;
  FEvent := nil;
  FOwner := nil;
  Leave;
end;

{ It must not go through the library. }
procedure Report(Owner: TObject);
begin
  try
    if Assigned(ApplicationHandleException) then
      ApplicationHandleException(Owner)
    else
      ShowException(ExceptObject, ExceptAddr);
  except
    { There is nowhere left to say it. }
  end;
end;

procedure TMapiSink.Notify(pNotifyInfo: PMapiNotify);
begin
  { Types that come later are no concern of a client. }
  if (pNotifyInfo^.NotifyType < MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_START)
    or (pNotifyInfo^.NotifyType > MAPIOFFLINE_NOTIFY_TYPE_STATECHANGE_DONE) then
    Exit;
  { The event may end the registration, and the library's reference with it. }
  _AddRef;
  Enter;
  try
    try
      if Assigned(FEvent) then
        FEvent(FOwner, TMapiPhase(pNotifyInfo^.NotifyType - 1), StateOf(pNotifyInfo^.ulStateOld), StateOf(pNotifyInfo^.ulStateNew));
    except
      { The owner may have been freed in the event. }
      Report(FOwner);
    end;
  finally
    Leave;
    _Release;
  end;
end;

constructor TMapiProfile.Create(const AName: string);
begin
  inherited Create;
  FName := AName;
  FTokens := TList.Create;
  FSinks := TInterfaceList.Create;
  Check(MapiOfflineOpenUtf8(0, PAnsiChar(Utf8(AName)), @GUID_GlobalState, nil, FManager));
end;

destructor TMapiProfile.Destroy;
begin
  if FManager <> nil then
    while FTokens.Count > 0 do
      EndAt(FTokens.Count - 1);
  FManager := nil;
  FSinks.Free;
  FTokens.Free;
  inherited Destroy;
end;

procedure TMapiProfile.EndAt(Index: Integer);
var
  Sink: IMapiSink;
begin
  FManager.Unadvise(0, Cardinal(NativeUInt(FTokens[Index])));
  Sink := FSinks[Index] as IMapiSink;
  FTokens.Delete(Index);
  FSinks.Delete(Index);
  Sink.Stop;
end;

procedure TMapiProfile.Check(AHResult: TMapiResult);
begin
  if AHResult < 0 then
    raise EMapiOffline.Create(AHResult, FName);
end;

function TMapiProfile.GetState: TMapiState;
var
  Bits: Cardinal;
begin
  Bits := 0;
  Check(FManager.GetCurrentState(Bits));
  Result := StateOf(Bits);
end;

procedure TMapiProfile.SetState(State: TMapiState; Wait: Boolean);
var
  Flags: Cardinal;
begin
  Flags := MAPIOFFLINE_FLAG_DEFAULT;
  if Wait then
    Flags := MAPIOFFLINE_FLAG_BLOCK;
  Check(FManager.SetCurrentState(Flags, MAPIOFFLINE_STATE_OFFLINE_MASK, BITS[State], nil));
end;

function TMapiProfile.Subscribe(Event: TMapiChangeEvent): Cardinal;
var
  Sink: IMapiSink;
  Info: TMapiAdviseInfo;
begin
  Sink := TMapiSink.Create(Self, Event);
  FillChar(Info, SizeOf(Info), 0);
  Info.ulSize := SizeOf(Info);
  Info.CallbackType := MAPIOFFLINE_CALLBACK_TYPE_NOTIFY;
  Info.pCallback := Pointer(Sink);
  Info.ulAdviseTypes := MAPIOFFLINE_ADVISE_TYPE_STATECHANGE;
  Info.ulStateMask := MAPIOFFLINE_STATE_ALL;
  Result := 0;
  Check(FManager.Advise(MAPIOFFLINE_ADVISE_DEFAULT, Info, Result));
  FTokens.Add(Pointer(NativeUInt(Result)));
  FSinks.Add(Sink);
end;

procedure TMapiProfile.Unsubscribe(Token: Cardinal);
var
  Index: Integer;
begin
  Index := FTokens.IndexOf(Pointer(NativeUInt(Token)));
  if Index >= 0 then
    EndAt(Index);
end;

procedure CheckFor(AHResult: TMapiResult; const What: string);
begin
  if AHResult < 0 then
    raise EMapiOffline.Create(AHResult, What);
end;

procedure MapiWaitFor(const Profile: string; State: TMapiState; Milliseconds: Cardinal);
begin
  CheckFor(MapiOfflineWaitUtf8(PAnsiChar(Utf8(Profile)), BITS[State], Milliseconds), Profile);
end;

procedure MapiUsePump;
begin
  CheckFor(MapiOfflineSetDelivery(MAPIOFFLINE_DELIVERY_PUMPED), 'MapiUsePump');
end;

function MapiPump(Milliseconds: Cardinal): Cardinal;
begin
  Result := 0;
  CheckFor(MapiOfflineDispatch($FFFFFFFF, Milliseconds, Result), 'MapiPump');
end;

end.
